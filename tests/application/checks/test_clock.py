"""Accepted offsets of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from application.checks.checker import check_log
from application.event_log import AppendRequest
from domain.clock import ClockAcceptance
from tests.support.damaged_logs import broken, changed
from tests.support.memory_log import MemoryLog


def test_the_last_accepted_offset_counts_and_none_is_negative() -> None:
    log = MemoryLog()
    at = datetime(2026, 11, 21, tzinfo=UTC)
    for hours in (1, 2):
        accepted = ClockAcceptance.accept(
            acceptance_id=uuid4(), offset=timedelta(hours=hours), at=at
        )
        log.append([AppendRequest(uuid4(), b"", accepted.collect_events())])

    checker, violations = check_log(log.events)
    damaged = changed("clock.accepted", offset_microseconds=-1)(list(log.events))

    assert violations == []
    assert checker.clock.offset_microseconds == 7_200_000_000
    assert broken(damaged) == {"time-never-back"}
