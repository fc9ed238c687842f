"""Periods of whole days in a named zone, as half-open ranges of instants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from domain.errors import InvalidRequest
from domain.merchants.payout_terms import time_zone

DAYS_MAX: Final = 366
"""The longest period of one request."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` up to, but not including, `end`, in a zone."""

    first: date
    end: date
    zone: str
    starts_at: datetime
    """The first instant of `first`, in UTC; a day may have 23 or 25 hours."""
    ends_at: datetime
    """The first instant of `end`, in UTC: the first that is not in the period."""


def read_period(first: str, end: str, zone: str) -> Period:
    """The period of a request.

    Raises (checked in this order):
        InvalidRequest: a day does not exist, the days are reversed or more than 366, or there is
            no such zone; names the parameter.
    """
    first_day, end_day = _day("from", first), _day("to", end)
    if end_day < first_day:
        raise InvalidRequest.of("to", "is before `from`")
    if (end_day - first_day).days > DAYS_MAX:
        raise InvalidRequest.of("to", f"may be at most {DAYS_MAX} days after `from`")
    found = time_zone(zone)
    return Period(
        first_day,
        end_day,
        zone,
        starts_at=_first_instant("from", first_day, found),
        ends_at=_first_instant("to", end_day, found),
    )


def _day(name: str, value: str) -> date:
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise InvalidRequest.of(name, "is not a day, such as 2026-01-31")


def _first_instant(name: str, day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day.

    Where clocks skip midnight, that is the moment of the change; where midnight happens twice, the
    first one (PEP 495: `fold` is 0).
    """
    try:
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:
        raise InvalidRequest.of(name, "is out of range in this zone") from None
