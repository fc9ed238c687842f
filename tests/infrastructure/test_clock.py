"""A database clock that jumps: what is refused, what reads return meanwhile, how it recovers."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from application.bus import Bus
from application.clock_guard import LOG_SECONDS, ClockGuard, ClockReading, boot_seconds
from application.event_log import AppendRequest, Verdict
from domain.sessions.state import Status
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.clock_fixture import AT, HOUR, MINUTE, YEAR, ClockFixture
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.postgres import TestClock, rows

pytestmark = [pytest.mark.contract, pytest.mark.postgres]


def test_a_night_without_events_is_no_jump_even_with_a_restart(clocked: ClockFixture) -> None:
    assert clocked.create() == "ok"
    clocked.tick(10 * HOUR)
    assert clocked.create() == "ok"
    clocked.tick(4 * HOUR)
    clocked.restart()
    clocked.tick(4 * HOUR)

    assert clocked.log.clock_state().doubt == ""
    assert clocked.create() == "ok"
    assert clocked.last == clocked.seconds


def test_a_new_process_adopts_the_clock(clocked: ClockFixture) -> None:
    clocked.create()
    clocked.tick(10 * HOUR)
    clocked.restart()
    command = AppendRequest(uuid7(), b"f", [])

    [verdict] = clocked.log.append([command])  # its first contact with the log

    assert verdict.kind == "recorded"
    assert verdict.recorded_at == AT + timedelta(hours=10)


def test_the_first_event_of_a_ledger_is_guarded_too(database_url: str) -> None:
    rows(database_url, "update ledger.identity set mode = 'live' returning 1")
    test_clock = TestClock(database_url)
    test_clock.set(AT)
    pool = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=2)
    log = PostgresLog(pool, guard=ClockGuard(elapsed=lambda: 0.0))
    assert log.now() == AT
    test_clock.advance(AT, YEAR)

    [verdict] = log.append([AppendRequest(uuid7(), b"f", [])])

    assert (verdict.kind, log.now()) == ("doubt", AT)
    log.close()


def test_a_month_of_drift_is_followed(clocked: ClockFixture) -> None:
    for _ in range(60):
        clocked.tick(12 * HOUR)
        clocked.jump(15)  # the two clocks drift apart
        assert clocked.log.clock_state().doubt == ""

    assert clocked.create() == "ok"


def test_a_process_whose_own_clock_is_an_hour_off_works_like_any_other(
    clocked: ClockFixture,
) -> None:
    early, late = (
        LedgerFixture(clocked.new_process(own), like=clocked.ledger) for own in (-HOUR, HOUR)
    )
    for _ in range(3):
        clocked.tick(10 * MINUTE)
        for ledger in (early, late, clocked.ledger):
            ledger.create_session()

    assert clocked.last == clocked.seconds


@pytest.mark.parametrize("off", [10 * MINUTE, -10 * MINUTE, YEAR, -YEAR, -40])
def test_failover_to_a_server_whose_clock_is_off_is_refused_until_it_is_right(
    clocked: ClockFixture, off: float
) -> None:
    clocked.create()
    head = clocked.log.head()
    clocked.tick(1)
    clocked.jump(off)

    for _ in range(5):  # neither reads nor refusals nor waiting adopt the wrong time
        assert clocked.create() == "overloaded"
        assert clocked.log.clock_state().doubt
        clocked.tick(1)

    assert clocked.log.head() == head
    clocked.jump(-off)
    assert clocked.create() == "ok"
    assert clocked.last == clocked.seconds
    assert clocked.log.clock_state().doubt == ""


def test_a_jump_is_not_adopted_within_an_hour(clocked: ClockFixture) -> None:
    clocked.create()
    clocked.jump(YEAR)

    for _ in range(60):
        clocked.tick(MINUTE)
        assert clocked.log.clock_state().doubt
        assert clocked.log.now() == AT + timedelta(seconds=clocked.seconds)

    assert clocked.create() == "overloaded"


def test_small_jumps_without_events_add_up(clocked: ClockFixture) -> None:
    clocked.create()
    for _ in range(4):
        clocked.jump(200)
        clocked.log.load({}, [])

    assert clocked.create() == "overloaded"


@pytest.mark.parametrize(("off", "result"), [(300, "ok"), (301, "overloaded"), (-30, "ok")])
def test_the_limits_are_exact(clocked: ClockFixture, off: float, result: str) -> None:
    clocked.create()
    clocked.jump(off)

    assert clocked.create() == result


def test_the_limits_are_settings(clocked: ClockFixture) -> None:
    clocked.create()
    guard = ClockGuard(elapsed=lambda: clocked.seconds, ahead_seconds=60, behind_seconds=5)
    log = clocked._make(guard)
    ledger = LedgerFixture(log, like=clocked.ledger)
    ledger.create_session()

    for off in (61.0, -6.0):
        clocked.jump(off)
        assert ledger.try_send(ledger.create()) == "overloaded"
        clocked.jump(-off)
    assert ledger.create_session()


def test_resume_from_suspend_is_no_jump(
    clocked: ClockFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock_ids: list[int] = []

    def clock_gettime(number: int) -> float:
        clock_ids.append(number)
        return clocked.seconds

    monkeypatch.setattr(time, "clock_gettime", clock_gettime)
    ledger = LedgerFixture(clocked._make(ClockGuard()), like=clocked.ledger)
    ledger.create_session()
    clocked.tick(9 * HOUR)  # suspended: CLOCK_BOOTTIME advances, `time.monotonic` does not

    assert ledger.create_session()
    assert boot_seconds() == clocked.seconds
    assert set(clock_ids) == {time.CLOCK_BOOTTIME}


def test_a_clock_a_year_ahead_expires_no_session_early(
    clocked: ClockFixture,
) -> None:
    session = clocked.ledger.create_session(expires_in_seconds=900)
    clocked.tick(MINUTE)
    clocked.jump(YEAR)

    assert clocked.status(session) is Status.CREATED
    assert clocked.ledger.try_send(clocked.ledger.expire(session)) != "session-expired"
    assert clocked.create() == "overloaded"
    clocked.tick(14 * MINUTE)
    assert clocked.status(session) is Status.EXPIRED  # past its time by the ledger's time

    clocked.jump(-YEAR)
    fresh = clocked.ledger.create_session(expires_in_seconds=900)
    clocked.tick(899)
    assert clocked.status(fresh) is Status.CREATED
    clocked.tick(1)
    assert clocked.status(fresh) is Status.EXPIRED
    assert clocked.ledger.send(clocked.ledger.expire(fresh)).subject.status is Status.EXPIRED


def test_a_small_step_back_stops_time_for_as_long(clocked: ClockFixture) -> None:
    clocked.tick(HOUR)
    clocked.create()
    clocked.jump(-29)

    assert clocked.create() == "ok"
    assert clocked.last == HOUR
    assert clocked.log.now() == AT + timedelta(hours=1)
    clocked.tick(29)
    assert clocked.create() == "ok"
    assert clocked.last == HOUR
    clocked.tick(1)
    assert clocked.create() == "ok"
    assert clocked.last == HOUR + 1


def test_a_large_step_back_refuses_commands_and_stops_time_for_reads(clocked: ClockFixture) -> None:
    session = clocked.ledger.create_session(expires_in_seconds=900)
    clocked.tick(MINUTE)
    clocked.create()
    clocked.jump(-31)

    assert clocked.create() == "overloaded"
    assert clocked.log.now() == AT + timedelta(seconds=60)
    assert clocked.status(session) is Status.CREATED
    clocked.tick(1)
    assert clocked.create() == "ok"


def test_in_doubt_nothing_is_stored_and_replays_still_work(clocked: ClockFixture) -> None:
    command = clocked.ledger.create()
    first = clocked.ledger.send(command, key="k")
    [recorded] = [r for r in clocked.log.read(0, 1000) if r.stream_id == command.session_id]
    clocked.jump(YEAR)
    head = clocked.log.head()

    assert clocked.ledger.send(command, key="k").position == first.position
    assert clocked.ledger.try_send(clocked.ledger.create(), key="new") == "overloaded"
    new = envelope(command, key="new").command_id
    known = AppendRequest(
        recorded.command_id, envelope(command, key="k").fingerprint, [recorded.event]
    )
    kinds = [
        verdict.kind.value for verdict in clocked.log.append([known, AppendRequest(new, b"f", [])])
    ]

    assert kinds == ["duplicate", "doubt"]
    assert clocked.log.head() == head
    assert new not in clocked.log.load({}, [new]).receipts


def test_a_batch_in_doubt_is_refused_without_retries(clocked: ClockFixture) -> None:
    clocked.create()
    clocked.jump(YEAR)
    appends: list[int] = []
    append = clocked.log.append

    def counted(batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        appends.append(len(batch))
        return append(batch)

    bus = Bus(clocked.log)
    clocked.log.append = counted  # type: ignore[method-assign]

    results = bus.send_all([envelope(clocked.ledger.create()) for _ in range(3)])

    assert [getattr(result, "code", "ok") for result in results] == ["overloaded"] * 3
    assert all("clock" in str(result) for result in results)
    assert appends == [3]


def test_a_test_ledger_accepts_a_jump_ahead_and_logs_a_warning(
    clocked: ClockFixture, caplog: pytest.LogCaptureFixture
) -> None:
    if isinstance(clocked._store, TestClock):
        rows(clocked._store._url, "update ledger.identity set mode = 'test' returning 1")
    else:
        clocked._store.log.live = False
    clocked.create()
    clocked.jump(YEAR)

    assert clocked.create() == "ok"
    assert clocked.create() == "ok"

    assert clocked.last == clocked.seconds + YEAR
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "34560000 s ahead" in warnings[0].getMessage()
    clocked.jump(-31)
    assert clocked.create() == "overloaded"


def test_a_doubt_is_logged_at_its_start_once_a_minute_and_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seconds = 0.0
    guard = ClockGuard(elapsed=lambda: seconds)
    right = ClockReading(AT + timedelta(seconds=10), AT, live=True)
    wrong = right._replace(clock=AT - timedelta(seconds=31))
    guard.judge(right, seconds)

    for tenth in range(int(LOG_SECONDS) * 10 + 1):
        seconds = tenth / 10
        guard.judge(wrong, seconds)
    assert len(caplog.records) == 2
    guard.judge(right, seconds)
    guard.judge(right, seconds)

    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "WARNING"]


def test_a_reading_that_arrives_late_counts_from_its_request() -> None:
    seconds = 0.0
    guard = ClockGuard(elapsed=lambda: seconds)
    elapsed = guard.elapsed()
    seconds = HOUR  # suspended before the response arrived
    guard.judge(ClockReading(AT, None, live=True), elapsed)

    assert guard.witness() == AT + timedelta(hours=1)
