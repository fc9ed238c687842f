"""Instants as positions: `recorded_at` never goes back, so every instant divides the log in two."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from application.event_log import STREAM_EVENTS_MAX, EventLog
from domain.errors import InvalidRequest

STEPS_MAX: Final = 64
"""Halvings of a range of positions or versions."""
SETTLED_AFTER: Final = timedelta(seconds=60)
"""No append takes so long: what is not recorded by then for an instant never will be."""


class Moment(NamedTuple):
    """A place in the past of the ledger, for ever the same."""

    position: int
    """The last position that counts, at least 1."""
    at: datetime
    """The ledger's time at which deadlines are judged, UTC."""


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


def moment_of(log: EventLog, bound: int | datetime) -> Moment:
    """The moment that a caller names: after the event at a position, or before an instant.

    Raises (checked in this order):
        LogUnavailable: nothing could be read.
        InvalidRequest: the position does not exist; or nothing was recorded before the instant; or
            it is not past for long enough to say what was recorded before it.
    """
    head = log.head()
    if isinstance(bound, int):
        if not 1 <= bound <= head:
            raise InvalidRequest.of("at", f"is not a position of the log: 1 to {head}")
        return Moment(bound, log.read(bound - 1, 1)[0].recorded_at)
    now = log.now()
    first = first_position_at(log, bound)
    if first is None and bound > now - SETTLED_AFTER:
        seconds = int(SETTLED_AFTER.total_seconds())
        reason = f"must be a time at least {seconds} s ago, or not later than the last event"
        raise InvalidRequest.of("at", reason)
    position = head if first is None else first - 1
    if position == 0:
        raise InvalidRequest.of("at", "is not later than the first event")
    return Moment(position, bound)


def version_at(log: EventLog, stream_id: UUID, position: int) -> int:
    """The version that a stream had after the event at a position; 0 if it did not exist yet.

    Raises:
        LogUnavailable: nothing could be read.
    """
    page = log.stream(stream_id)
    if len(page) < STREAM_EVENTS_MAX or page[-1].position > position:
        return sum(recorded.position <= position for recorded in page)

    def existed(version: int) -> bool:
        found = log.stream(stream_id, after=version - 1, up_to=version)
        return bool(found) and found[0].position <= position

    low = high = page[-1].version
    for _ in range(STEPS_MAX):
        high *= 2
        if not existed(high):
            break
        low = high
    for _ in range(STEPS_MAX):
        if high - low == 1:
            break
        middle = (low + high) // 2
        low, high = (middle, high) if existed(middle) else (low, middle)
    return low


def reversed_bounds(first: int | datetime, end: int | datetime) -> bool:
    """Whether two bounds of the same kind are in the wrong order."""
    if isinstance(first, int):
        return isinstance(end, int) and end < first
    return isinstance(end, datetime) and end < first
