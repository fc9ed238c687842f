"""The names of merchants and wallet apps, which screens and receipts display."""

from __future__ import annotations

from typing import Final

from domain import text
from domain.errors import InvalidRequest

NAME_CHARS_MAX: Final = 80


def check_name(name: str) -> None:
    """Check the name of a merchant or wallet app.

    Raises (checked in this order):
        InvalidRequest: not 1 to 80 characters, or not acceptable text.
    """
    if not 1 <= len(name) <= NAME_CHARS_MAX:
        raise InvalidRequest.of("name", f"must have 1 to {NAME_CHARS_MAX} characters")
    text.check("name", name)
