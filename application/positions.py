"""Instants as positions: `recorded_at` never goes back, so every instant divides the log in two."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from application.event_log import EventLog

STEPS_MAX: Final = 64
"""Halvings of a range of positions."""


def first_position_at(log: EventLog, at: datetime) -> int | None:
    """The first position recorded at an instant or later; None if there is no such event yet.

    Once it is known it never changes: later events have later positions, and times that are not
    earlier.

    Raises:
        LogUnavailable: nothing could be read.
    """
    low, high = 1, log.head()  # the answer is in low … high, or there is none
    if high == 0 or log.read(high - 1, 1)[0].recorded_at < at:
        return None
    for _ in range(STEPS_MAX):
        if low == high:
            break
        middle = (low + high) // 2
        if log.read(middle - 1, 1)[0].recorded_at < at:
            low = middle + 1
        else:
            high = middle
    return low


def position_of(log: EventLog, bound: int | datetime) -> int | None:
    """The position that a bound of a range names; None for a time that has not come.

    Raises:
        LogUnavailable: nothing could be read.
    """
    return bound if isinstance(bound, int) else first_position_at(log, bound)


def reversed_bounds(first: int | datetime, end: int | datetime) -> bool:
    """Whether two bounds of the same kind are in the wrong order."""
    if isinstance(first, int):
        return isinstance(end, int) and end < first
    return isinstance(end, datetime) and end < first
