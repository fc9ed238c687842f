"""Accepted offsets of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from application.checks.checker import check_log
from application.commands.advance_clock import AdvanceClock
from application.event_log import AppendRequest
from domain.clock import Clock
from domain.wallets.wallet_app import WalletApp
from tests.support.damaged_logs import broken, changed
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog


def test_the_last_accepted_offset_counts_and_none_is_negative() -> None:
    log = MemoryLog()
    at = datetime(2026, 11, 21, tzinfo=UTC)
    for hours in (1, 2):
        accepted = Clock.accept(acceptance_id=uuid4(), offset=timedelta(hours=hours), at=at)
        log.append([AppendRequest(uuid4(), b"", accepted.collect_events())])

    checker, violations = check_log(log.events)
    damaged = changed("clock.accepted", offset_microseconds=-1)(list(log.events))

    assert violations == []
    assert checker.clock.offset_microseconds == 7_200_000_000
    assert broken(damaged) == {"time-never-back"}


def test_the_advances_of_a_test_clock_add_up_and_none_is_negative() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    for seconds in (60, 3600):
        ledger.send(AdvanceClock(seconds=seconds, mode="test"))

    checker, violations = check_log(log.events)
    damaged = changed("clock.advanced", seconds=-1)(list(log.events))

    assert violations == []
    assert checker.clock.advanced_seconds == 3660
    assert "time-never-back" in broken(damaged)


def test_what_was_decided_before_an_advance_may_be_recorded_after_it() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    before = log.now()
    for _ in range(2):
        ledger.send(AdvanceClock(seconds=30 * 86_400, mode="test"))
    late = WalletApp.register(wallet_app_id=uuid4(), name="App", at=before)
    log.append([AppendRequest(uuid4(), b"", late.collect_events())])

    _, violations = check_log(log.events)
    damaged = log.events[:-3] + [
        one._replace(position=one.position - 2)
        for one in log.events[-1:]  # the same without the advances
    ]

    assert violations == []
    assert broken(damaged) == {"times-agree"}
