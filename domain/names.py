"""The names of merchants and wallet apps: short enough for every screen and receipt."""

from __future__ import annotations

from typing import Final

from domain.errors import InvalidRequest

NAME_CHARS_MAX: Final = 80


def check_name(name: str) -> None:
    """Whether a merchant or a wallet app may have this name.

    Raises:
        InvalidRequest: not 1 to 80 printable characters.
    """
    if not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise InvalidRequest.of("name", f"must have 1 to {NAME_CHARS_MAX} printable characters")
