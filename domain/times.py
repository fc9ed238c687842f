"""Instants as text: RFC 3339 in UTC with microseconds and `Z`, as events store them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

CACHE_SIZE_MAX: Final = 1024
"""Cached encodings: the commands of one batch share their times."""


@lru_cache(CACHE_SIZE_MAX)
def to_text(at: datetime) -> str:
    """Format an aware instant, such as `2026-11-20T10:12:33.000001Z`."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:26] + "Z"


def from_text(text: str) -> datetime:
    """Parse an RFC 3339 instant.

    Raises:
        ValueError: no RFC 3339 instant with an offset, or outside the years 1 to 9999 in UTC.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        msg = f"{text!r} has no offset from UTC"
        raise ValueError(msg)
    if at.tzinfo is UTC:
        return at
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        msg = f"{text!r} is out of range in UTC"
        raise ValueError(msg) from error
