"""Pictures of payment codes and printable posters: what is drawn, and who draws it."""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct

REVISION = 1
"""Raised whenever the same drawing would have other bytes: it is part of every ETag."""


class CodePicture(Struct, frozen=True, tag=True):
    """A QR code: black on white, with a quiet zone."""

    kind: Literal["svg", "png", "txt"]
    text: str
    """What a reader reads."""
    scale: int
    """Pixels (SVG: user units) per module, 1 to 40; without effect in a terminal."""
    border: int
    """The quiet zone in modules, 4 to 16."""


class Poster(Struct, frozen=True, tag=True):
    """A printable page with a static code. Every text is shown as it is given."""

    kind: Literal["svg", "pdf"]
    size: Literal["a6", "a4"]
    text: str
    """What a reader reads."""
    payee: str
    label: str
    """Of the till; empty if there is none."""
    amount: str
    """As people read it; empty if the payer chooses the amount."""
    notice: str
    """What payers must check before they pay."""
    host: str
    """Where the code leads."""
    test: str
    """The mark of a test ledger; empty in a live one."""
    language: str = "en"
    """Of `notice` and `test` (BCP 47)."""


Drawing = CodePicture | Poster


class Pictures(Protocol):
    """Draws pictures. Thread-safe; a drawing always has the same bytes."""

    def draw(self, drawing: Drawing) -> bytes:
        """The bytes of a drawing.

        Raises (checked in this order):
            Overloaded: it cannot be drawn in time.
            PosterFontMissing: the PDF has no font for one of its texts.
        """
        ...
