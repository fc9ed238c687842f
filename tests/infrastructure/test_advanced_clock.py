"""The test clock on PostgreSQL: only forward, only in test ledgers, and known to the guard."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from uuid_utils.compat import uuid7

from application.bus import Bus
from application.clock_guard import ClockGuard, offset_to_accept
from application.commands.accept_clock import AcceptClock
from application.commands.advance_clock import AdvanceClock
from application.errors import InternalError
from application.event_log import AppendRequest
from application.ports.tasks import Changes
from application.processes.process import Task
from domain.clock import ADVANCED_SECONDS_MAX, Clock
from infrastructure import audit
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.tasks import PostgresTasks
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import MemoryLog
from tests.support.postgres import TestClock, rows

pytestmark = pytest.mark.postgres
AT = datetime(2050, 1, 1, tzinfo=UTC)
HOUR = AdvanceClock(seconds=3600, mode="test")
ADVANCED = "select advanced_seconds from ledger.clock"
MakeLog = Callable[[ClockGuard], PostgresLog]


@pytest.fixture
def still(clock: TestClock) -> TestClock:
    """The server's clock, which stands still until the test sets it."""
    clock.set(AT)
    return clock


@pytest.fixture
def make_log(database_url: str) -> Iterator[MakeLog]:
    """The log as a further process sees it."""
    pools: list[ConnectionPool] = []

    def make(guard: ClockGuard) -> PostgresLog:
        pools.append(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=2))
        return PostgresLog(pools[-1], guard=guard)

    yield make
    for pool in pools:
        pool.close()


def test_the_ledgers_time_moves_with_the_event_that_says_so(
    still: TestClock, postgres_log: PostgresLog, database_url: str
) -> None:
    ledger = LedgerFixture(postgres_log)

    outcome = ledger.send(HOUR)

    assert outcome.recorded_at == postgres_log.now() == AT + timedelta(hours=1)
    assert postgres_log.read(outcome.position - 1, 1)[0].recorded_at == outcome.recorded_at
    assert rows(database_url, ADVANCED) == [(3600,)]
    still.advance(AT, 10)
    assert postgres_log.now() == AT + timedelta(seconds=3610)
    assert postgres_log.clock_state().reading.advanced_seconds == 3600


def test_advances_at_once_all_count_one_after_the_other(
    still: TestClock, postgres_log: PostgresLog
) -> None:
    LedgerFixture(postgres_log)
    buses = [Bus(postgres_log) for _ in range(8)]

    with ThreadPoolExecutor(len(buses)) as pool:
        sent = [pool.submit(bus.send, envelope(HOUR)) for bus in buses]
        times = sorted(one.result().recorded_at for one in sent)

    assert times == [AT + timedelta(hours=hours) for hours in range(1, len(buses) + 1)]
    assert postgres_log.now() == times[-1]


def test_an_advance_in_a_batch_is_recorded_and_so_is_the_batch(
    still: TestClock, postgres_log: PostgresLog, database_url: str
) -> None:
    ledger = LedgerFixture(postgres_log)
    batch = [ledger.create(), HOUR, ledger.create(), HOUR, ledger.create()]

    results = ledger.bus.send_all([envelope(command) for command in batch])

    assert [type(result).__name__ for result in results] == ["Outcome"] * 5
    assert rows(database_url, ADVANCED) == [(7200,)]


@pytest.mark.parametrize("seconds", [0, -3600, ADVANCED_SECONDS_MAX + 1])
def test_the_log_itself_refuses_what_is_no_advance(
    still: TestClock, postgres_log: PostgresLog, database_url: str, seconds: int
) -> None:
    ledger = LedgerFixture(postgres_log)
    event: Any = cast("Any", Clock.Advanced)(
        originator_id=Clock.test_clock_id(), originator_version=1, timestamp=AT,
        originator_topic="clock", seconds=seconds,
    )  # fmt: skip
    head = postgres_log.head()

    with pytest.raises(Exception, match=r"only advanced|violates check constraint"):
        postgres_log.append([AppendRequest(uuid7(), b"", [event])])

    assert (postgres_log.head(), postgres_log.now()) == (head, AT)
    assert rows(database_url, ADVANCED) == [(0,)]
    assert ledger.create_session()


@pytest.mark.parametrize("kind", ["memory", "postgres"])
def test_the_log_of_a_live_ledger_refuses_every_advance(
    kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "memory":
        log = MemoryLog(live=True)
    else:
        request.getfixturevalue("still")
        log = request.getfixturevalue("postgres_log")
        url = request.getfixturevalue("database_url")
        rows(url, "update ledger.identity set mode = 'live' returning 1")
    ledger = LedgerFixture(log)
    before = log.head(), log.now()

    assert ledger.try_send(AdvanceClock(seconds=60, mode="live")) == "test-only"
    assert ledger.try_send(HOUR) == InternalError.code  # a program with the wrong settings

    assert (log.head(), log.now()) == before


def test_the_owner_cannot_lower_it_below_zero(database_url: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        rows(database_url, "update ledger.clock set advanced_seconds = -1", fetch=False)


def test_an_accepted_clock_keeps_what_was_advanced(
    still: TestClock, postgres_log: PostgresLog, make_log: MakeLog
) -> None:
    ledger = LedgerFixture(postgres_log)
    ledger.send(HOUR)
    still.advance(AT, -600)  # the server was set back
    assert ledger.try_send(ledger.create()) == "overloaded"
    assert ledger.try_send(HOUR) == "overloaded"

    log = make_log(ClockGuard())
    offset = offset_to_accept(log.clock_state())
    assert offset == timedelta(seconds=600)
    Bus(log).send(envelope(AcceptClock(acceptance_id=uuid7(), offset=offset)))

    assert log.now() == AT + timedelta(hours=1)
    assert ledger.send(HOUR).recorded_at == AT + timedelta(hours=2)


def test_the_guard_knows_an_advance_from_a_jump(
    still: TestClock, postgres_log: PostgresLog, make_log: MakeLog, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = 0.0
    ledger = LedgerFixture(postgres_log)
    log = make_log(guard := ClockGuard(elapsed=lambda: seconds))
    log.now()
    ledger.send(HOUR)
    caplog.clear()

    seconds = 400.0  # a quiet while in which this process has read nothing
    still.advance(AT, seconds)
    now = log.now()
    advanced = list(caplog.records)
    still.advance(AT, 4000)
    log.now()

    assert now == AT + timedelta(seconds=4000)
    assert advanced == []
    [jump] = caplog.records
    assert jump.levelno == logging.WARNING
    assert "the clock jumped 3600 s ahead" in jump.getMessage()
    assert guard.witness() == AT + timedelta(seconds=7600)


def test_leases_end_with_an_advance(
    still: TestClock, postgres_log: PostgresLog, database_url: str
) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=1)
    store = PostgresTasks(pool)
    store.begin("p", 0, frozenset())
    store.record("p", 0, 0, Changes((), [Task(key="a", due_at=AT)]))
    claim = partial(store.claim, "p", now=AT, tasks_max=10, repeats_max=10, lease_seconds=60.0)
    ledger = LedgerFixture(postgres_log)
    assert len(claim(token=uuid4())) == 1

    ledger.send(AdvanceClock(seconds=59, mode="test"))
    held = claim(token=uuid4())
    ledger.send(AdvanceClock(seconds=2, mode="test"))
    again = claim(token=uuid4())

    assert (len(held), len(again)) == (0, 1)
    rows(database_url, "delete from ledger.process_positions", fetch=False)
    pool.close()


def test_the_audit_finds_an_advance_that_no_event_recorded(
    postgres_log: PostgresLog, database_url: str
) -> None:
    LedgerFixture(postgres_log).send(HOUR)
    assert audit.check(database_url, postgres_log).violations == []
    rows(database_url, "update ledger.clock set advanced_seconds = 7200 returning 1")

    [violation] = audit.check(database_url, postgres_log).violations

    assert violation.invariant == "clock-as-accepted"
    assert violation.text == "advanced by 7200 s, in the events by 3600 s"
    rows(database_url, "update ledger.clock set advanced_seconds = 3600 returning 1")
