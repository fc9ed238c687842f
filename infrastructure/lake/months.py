"""The calendar months of the log, each a range of positions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from application.event_log import EventLog
from application.positions import first_position_at
from domain.errors import InvalidRequest

_MONTH: Final = re.compile("(2[0-9]{3})-(0[1-9]|1[0-2])", re.ASCII)
MONTHS_MAX: Final = 12_000
"""Of an export: a thousand years."""
Month = tuple[int, int]
"""Year and month, in UTC."""


@dataclass(frozen=True, slots=True)
class MonthRange:
    """The events of a month: positions from `first` up to, but not including, `end`."""

    month: Month
    first: int
    end: int

    @property
    def name(self) -> str:
        """Such as `2026-01`."""
        return f"{self.month[0]}-{self.month[1]:02}"


def read_month(option: str, text: str) -> Month:
    """The month of an option, such as `2026-01`.

    Raises:
        InvalidRequest: it is none of the years 2000 to 2999; names the option.
    """
    found = _MONTH.fullmatch(text)
    if found is None:
        raise InvalidRequest.of(option, "is not a month such as 2026-01")
    return int(found[1]), int(found[2])


def months_of(log: EventLog, first: str | None, end: str | None) -> Iterator[MonthRange]:
    """The months of the log with events, oldest first, up to the present head.

    Args:
        log: the events.
        first: the first month; None for that of the first event.
        end: the month to stop before; None for the one after that of the last event.

    Raises (checked in this order):
        InvalidRequest: a bound is no month, or they are reversed; names the option.
        LogUnavailable: nothing could be read.
    """
    begin = None if first is None else read_month("--from", first)
    stop = None if end is None else read_month("--to", end)
    if begin is not None and stop is not None and stop < begin:
        raise InvalidRequest.of("--to", "is before --from")
    return _ranges(log, begin, stop)


def _ranges(log: EventLog, begin: Month | None, stop: Month | None) -> Iterator[MonthRange]:
    head = log.head()
    if head == 0:
        return
    oldest, newest = (log.read(position - 1, 1)[0].recorded_at for position in (1, head))
    month = max(begin or _of(oldest), _of(oldest))
    stop = min(stop or _next(_of(newest)), _next(_of(newest)))
    first = _first_position(log, month, head)
    for _ in range(MONTHS_MAX):
        if month >= stop:
            return
        end = _first_position(log, _next(month), head)
        if first < end:
            yield MonthRange(month, first, end)
        month, first = _next(month), end


def _first_position(log: EventLog, month: Month, head: int) -> int:
    """The first position of a month or a later one, at most the one after `head`."""
    found = first_position_at(log, datetime(*month, 1, tzinfo=UTC))
    return head + 1 if found is None else min(found, head + 1)


def _of(at: datetime) -> Month:
    utc = at.astimezone(UTC)
    return utc.year, utc.month


def _next(month: Month) -> Month:
    year, number = month
    return (year + 1, 1) if number == 12 else (year, number + 1)  # noqa: PLR2004 - December
