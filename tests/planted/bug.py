"""What a planted bug is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Bug:
    """A known bug: its name, the change that plants it, and the tests that should catch it."""

    name: str
    file: str
    old: str
    new: str
    hunters: str
