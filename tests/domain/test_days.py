"""Periods of whole days: where a day starts in its zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import available_timezones

import pytest

from domain.days import DAYS_MAX, read_period
from domain.errors import InvalidRequest
from domain.merchants.payout_terms import time_zone


@pytest.mark.parametrize(
    ("day", "zone", "starts_at"),
    [("2026-01-31", "UTC", "2026-01-31T00:00:00"), ("2026-07-01", "Europe/Berlin", "2026-06-30T22:00:00"),
     ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00:00"),  # 00:00 does not exist: 01:00 is first
     ("2026-11-01", "America/Havana", "2026-11-01T04:00:00"),  # 00:00 happens twice: the first one
     ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00"),  # the day does not exist at all
     ("2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00"),
     ("2026-01-01", "Asia/Kathmandu", "2025-12-31T18:15:00")],
)  # fmt: skip
def test_a_day_starts_at_its_first_instant(day: str, zone: str, starts_at: str) -> None:
    period = read_period(day, day, zone)

    assert period.starts_at == datetime.fromisoformat(starts_at).replace(tzinfo=UTC)
    assert period.ends_at == period.starts_at


def test_the_longest_period() -> None:
    assert (read_period("2024-01-01", "2025-01-01", "UTC").end.year, DAYS_MAX) == (2025, 366)
    with pytest.raises(InvalidRequest):
        read_period("2024-01-01", "2025-01-02", "UTC")


def test_every_zone_of_the_database_is_accepted() -> None:
    names = available_timezones() - {"localtime"}

    assert len(names) > 400
    for name in names:
        assert time_zone(name).key == name


@pytest.mark.parametrize(
    "name",
    ["", "localtime", "posixrules", "right/UTC", "posix/UTC", "Europe", "Europe/", "/etc/localtime", "../UTC",
     "Europe/../UTC", "europe/berlin", "UTC\n", "UTC\0", "Europe/B\u0435rlin", "A" * 61, "\ud800", "+01:00"],
)  # fmt: skip
def test_what_is_no_zone_of_the_database_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        time_zone(name)
