"""`make help` lists every target of the Makefile."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    found = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert found

    listed = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert sorted(re.findall(r"^  make (\w+) +\S", listed, re.MULTILINE)) == sorted(
        found[1].split()
    )
