"""Every refusal of a scanned code states its cause, a reason for a person, and the place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from domain.qr.errors import Cause

ROOT = Path(__file__).parents[2]
ROOMS = ("domain", "application", "api", "infrastructure")
FACTS = {"cause", "reason", "offset"}
PAGE = ROOT / "docs" / "howto" / "read-and-write-qr-texts.md"


def refusals() -> Iterator[tuple[str, set[str | None]]]:
    """Each call of one of the two classes: where it is, and the facts that it states."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if path.parent == ROOT / "domain" / "audit":
                continue  # its `InvalidSignature` is of a note, and no refusal
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                match node:
                    case ast.Call(func=ast.Name(id="InvalidQr" | "InvalidSignature")):
                        place = f"{path.relative_to(ROOT)}:{node.lineno}"
                        yield place, {keyword.arg for keyword in node.keywords}


def test_every_refusal_of_a_code_states_cause_reason_and_offset() -> None:
    found = list(refusals())

    assert len(found) > 20
    assert [place for place, facts in found if facts != FACTS] == []


def test_every_cause_is_documented() -> None:
    rows = [line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert [one for one in rows if "/" not in one] == [str(cause) for cause in Cause]
