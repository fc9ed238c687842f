"""How an amount is shown: in one line, with letters that fit its length."""

from __future__ import annotations

from typing import Final

AMOUNT_CHARS: Final = (8, 12, 16, 21, 28)
"""The lengths of amounts for which `pages.css` has a size of letters."""


def amount_chars(shown: str) -> int:
    """The length for which an amount is drawn: the next one of `AMOUNT_CHARS`."""
    return next((size for size in AMOUNT_CHARS if len(shown) <= size), AMOUNT_CHARS[-1])
