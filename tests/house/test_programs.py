"""The external programs that are started: only those in the README, or optional ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ["domain", "application", "infrastructure", "projections", "api", "tests"]
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
STARTERS = {"run", "Popen", "call", "check_call", "check_output", "which"}
OPTIONAL = {
    "git": "the README requires it; the test is skipped outside a clone",
    "make": "the README requires it; one test asks for its targets",
    "initdb": "a wheel brings one too",
    "unshare": "root only; without it a service user runs PostgreSQL",
    "setpriv": "without it a kill -9 leaves PostgreSQL to the next start",
    "umount": "after a mount that worked; the test is skipped without",
    "bash": "`make e2e` only",
    "chromium": "`make e2e` only",
    "chromium-browser": "`make e2e` only",
    "chromium-headless-shell": "`make e2e` only",
    "node": "`make e2e` only; the test is skipped without",
}
"""Why each one is optional, so that the README need not require it."""


def started(text: str) -> Iterator[str]:
    """The names of programs in calls that start or look up one."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        known = isinstance(owner, ast.Name) and owner.id in {"subprocess", "shutil"}
        if not known or node.func.attr not in STARTERS or not node.args:
            continue
        first = node.args[0].elts[0] if isinstance(node.args[0], ast.List) else node.args[0]
        if isinstance(first, ast.Constant):
            yield str(first.value)


def test_no_program_is_required_beyond_the_readme() -> None:
    needed = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in FILES
        for name in started(path.read_text())
        if name not in OPTIONAL
    }

    assert needed == set()


def test_started_programs_are_detected() -> None:
    assert list(started('subprocess.run(["ps", "ax"])\nshutil.which("lsof")')) == ["ps", "lsof"]
    detected = {name for path in FILES for name in started(path.read_text())}
    assert {"unshare", "setpriv", "initdb", "chromium"} <= detected
