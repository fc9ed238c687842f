"""What every scanned text must be before its contents are read."""

from __future__ import annotations

from typing import Final

from domain.qr.errors import Cause, InvalidQr
from domain.text import is_acceptable

CHARS_MAX: Final = 512


def check_length(text: str) -> None:
    """Check the length of a scanned text.

    Raises:
        InvalidQr: it has more than 512 characters.
    """
    if len(text) > CHARS_MAX:
        reason = f"it has more than {CHARS_MAX} characters"
        raise InvalidQr(cause=Cause.TOO_LONG, reason=reason, offset=CHARS_MAX)


def check_text(text: str, *, start: int = 0) -> None:
    """Check the length of a scanned text, and its characters from `start` on.

    Raises (checked in this order):
        InvalidQr: too long; control characters or lone surrogates.
    """
    check_length(text)
    if not is_acceptable(text[start:]):
        offset = next(at for at in range(start, len(text)) if not is_acceptable(text[at]))
        reason = "it contains control characters"
        raise InvalidQr(cause=Cause.UNACCEPTABLE_TEXT, reason=reason, offset=offset)
