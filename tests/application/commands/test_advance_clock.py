"""AdvanceClock: the test clock is advanced, and its event is recorded at the new time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from application.commands.advance_clock import AdvanceClock
from domain.clock import ADVANCE_SECONDS_MAX, Clock
from domain.sessions.errors import SessionNotDue
from tests.support.given import CREATE, EXPIRE, HOLDERS, OPEN, SCAN, TOP_UP, given, refused
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import START, MemoryLog

HOUR = AdvanceClock(seconds=3600, mode="test")


def test_the_advance_applies_to_its_own_event() -> None:
    scenario = given(*HOLDERS)

    scenario.when(HOUR)

    [advanced] = scenario.log.events[2:]
    assert type(advanced.event) is Clock.Advanced
    assert vars(advanced.event)["seconds"] == 3600
    assert advanced.stream_id == Clock.test_clock_id()
    assert advanced.recorded_at == START + timedelta(hours=1) == scenario.log.now()
    assert scenario.subject.advanced_seconds == 3600


def test_each_advance_counts() -> None:
    ledger = LedgerFixture(log := MemoryLog())

    totals = [ledger.send(HOUR).subject.advanced_seconds for _ in range(3)]

    assert totals == [3600, 7200, 10_800]
    assert log.now() == START + timedelta(hours=3)


def test_a_session_is_past_its_time_after_an_advance() -> None:
    ledger = LedgerFixture(MemoryLog())
    session, wallet = ledger.create_session(expires_in_seconds=900), ledger.open_wallet()
    claim = ledger.claim_session(session, wallet)
    ledger.send(AdvanceClock(seconds=900, mode="test"))

    paid = ledger.try_send(ledger.pay(session, wallet, claim))

    assert paid == "session-expired"
    assert ledger.send(ledger.expire(session)).subject.status == "expired"


def test_a_session_is_not_past_its_time_a_second_before() -> None:
    scenario = given(*HOLDERS, OPEN, TOP_UP, CREATE, SCAN, AdvanceClock(seconds=899, mode="test"))

    scenario.when(EXPIRE)

    assert isinstance(scenario.result, SessionNotDue)


@pytest.mark.parametrize("seconds", [3600, 0, -5])
def test_a_live_ledger_has_no_test_clock(seconds: int) -> None:
    scenario = given(*HOLDERS).when(AdvanceClock(seconds=seconds, mode="live"))

    scenario.then(refused("test-only", feature="The test clock"))
    assert scenario.log.now() == START


@pytest.mark.parametrize("seconds", [0, -1, ADVANCE_SECONDS_MAX + 1])
def test_an_advance_out_of_range_is_refused(seconds: int) -> None:
    scenario = given(*HOLDERS).when(AdvanceClock(seconds=seconds, mode="test"))

    scenario.then_invalid("advance_seconds")
    assert scenario.log.now() == START
