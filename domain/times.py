"""Instants as text: RFC 3339, UTC, microseconds and `Z`, so that events hold primitives only."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

REMEMBERED_MAX: Final = 1024
"""Commands of one batch share their times."""


@lru_cache(REMEMBERED_MAX)
def to_text(at: datetime) -> str:
    """Write an aware instant as `2026-11-20T10:12:33.000001Z`."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:26] + "Z"


def from_text(text: str) -> datetime:
    """Read what `to_text` wrote.

    Raises:
        ValueError: not an RFC 3339 instant with an offset, or outside the years 1 to 9999 in UTC.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        msg = f"{text!r} has no offset from UTC"
        raise ValueError(msg)
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        msg = f"{text!r} has no date in UTC"
        raise ValueError(msg) from error
