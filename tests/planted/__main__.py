"""`make planted`: plant each bug, run its hunters, say who caught it; exit 1 if one got away."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.planted.bugs import BUGS, ROOT, Bug

SECONDS_MAX = 300


TRIES_MAX = 2


def hunt(bug: Bug) -> str:
    """The first test that failed, or nothing. A run that neither passed nor failed is no hunt."""
    for _ in range(TRIES_MAX):
        status, found, told = _run(bug)
        if found or status == 0:
            return found
        print(f"{bug.name}: pytest ended with {status}:\n{told[-2000:]}", file=sys.stderr)
    return ""


def _run(bug: Bug) -> tuple[int, str, str]:
    """pytest's exit status, the first test that failed, and what it told."""
    command = [
        sys.executable, "-m", "pytest", "-x", "-q", "-p", "tests.planted.plugin", "-p", "no:randomly",
        "--no-header", "--tb=no", *bug.hunters.split(),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PLANTED": bug.name}, capture_output=True,
            text=True, timeout=SECONDS_MAX, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 1, "(the tests did not end)", ""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    found = failed[0].split(" - ")[0].partition(" ")[2] if failed else ""
    return done.returncode, found, done.stdout + done.stderr


def main(words: list[str]) -> int:
    """All bugs; by a part of a name; or a share of them: `python -m tests.planted every 4 from 2`."""
    every, start = (int(words[1]), int(words[3])) if words[:1] == ["every"] else (1, 0)
    bugs = [bug for number, bug in enumerate(BUGS) if number % every == start % every]
    if words and words[0] != "every":
        bugs = [bug for bug in BUGS if " ".join(words) in bug.name]
    with ThreadPoolExecutor(2) as pool:
        caught = list(pool.map(hunt, bugs))
    for bug, test in zip(bugs, caught, strict=True):
        print(f"{'caught' if test else 'ESCAPED':<8} {bug.name:<58} {test}")
    print(f"{sum(map(bool, caught))} of {len(bugs)} planted bugs caught")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
