"""Documents name files, tests and pages that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = {"errors.md", "events.md", "http.md", "settings.md"}
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name not in GENERATED),
]
FOLDERS = "api|application|benchmarks|deploy|docs|domain|infrastructure|projections|tests"
CITED = re.compile(rf"(?<!new file )`((?:{FOLDERS})/[\w./*-]*)((?:::\w+)*)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
GENERATED_FILES = {"tests/end_to_end/screenshots/"}
"""Written by tests, not stored."""


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = HEADING.findall(page.read_text())
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def definitions(path: Path) -> set[str]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_test_that_a_document_names_exists(page: Path) -> None:
    missing = set()
    for path, names in CITED.findall(page.read_text()):
        files = list(ROOT.glob(path.rstrip("/")))
        if not files or (names and not set(names.split("::")[1:]) <= definitions(files[0])):
            missing.add(path + names)

    assert missing <= GENERATED_FILES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_internal_link_resolves(page: Path) -> None:
    broken = set()
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.add(link)

    assert broken == set()


def test_the_index_of_decision_records_lists_every_record() -> None:
    folder = ROOT / "docs" / "adr"
    records = {path.name for path in folder.glob("[0-9]*.md")}

    listed = {link for link in LINK.findall((folder / "README.md").read_text()) if "/" not in link}

    assert listed == records


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")), ids=lambda p: p.stem
)
def test_every_decision_record_has_a_date_and_its_alternatives(path: Path) -> None:
    text = path.read_text()

    assert re.search(r"20\d\d-\d\d-\d\d", text)
    assert "Alternatives" in text or "What lost" in text
    for section in ("Context", "Decision", "Consequences"):
        assert section in text, section


def test_guides_use_the_command_as_it_is_installed() -> None:
    modules = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
        for line in path.read_text().splitlines()
        if re.search(r"python3? (-I )?-m infrastructure|\.venv/bin/qrledger \w", line)
    ]

    assert modules == []
