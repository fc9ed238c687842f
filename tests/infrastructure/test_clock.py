"""A clock that jumps: what is refused, what reads say meanwhile, and how the ledger goes on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from application.bus import Bus
from application.clock_guard import (
    LOG_SECONDS,
    ClockGuard,
    ClockReading,
    ClockState,
    boot_seconds,
    offset_to_accept,
)
from application.commands.accept_clock import AcceptClock
from application.event_log import AppendRequest, EventLog, Verdict
from domain.errors import InvalidRequest
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import MemoryLog
from tests.support.postgres import TestClock, rows

pytestmark = [pytest.mark.contract, pytest.mark.postgres]
AT = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = 400 * 86_400.0
MINUTE, HOUR = 60.0, 3600.0


class Rig:
    """A live ledger; the time that passes, and what the server's clock makes of it."""

    log: EventLog

    def __init__(self, make: Callable[[ClockGuard], EventLog], store: Any) -> None:
        self.seconds = 0.0
        self.skew = 0.0
        self._make = make
        self._store = store
        self.tick(0)
        self.restart()
        self.ledger = LedgerFixture(self.log)

    def tick(self, seconds: float) -> None:
        """Time passes, for the server and for the process, asleep or not."""
        self.seconds += seconds
        self._store.set(AT + timedelta(seconds=self.seconds + self.skew))

    def jump(self, seconds: float) -> None:
        """The server's clock is wrong by so much more."""
        self.skew += seconds
        self.tick(0)

    def a_process(self, own_clock: float = 0.0) -> EventLog:
        """Another process on the ledger, which knows nothing yet."""
        return self._make(ClockGuard(elapsed=lambda: self.seconds + own_clock))

    def restart(self) -> None:
        """The process starts anew."""
        self.log = self.a_process()
        if hasattr(self, "ledger"):
            self.ledger = LedgerFixture(self.log, like=self.ledger)

    def accept(self) -> timedelta | None:
        """`qrledger clock accept`: a process of its own."""
        log = self.a_process()
        offset = offset_to_accept(log.clock_state())
        if offset is not None:
            command = AcceptClock(acceptance_id=uuid7(), offset=offset)
            Bus(log).send(envelope(command))
        return offset

    def create(self) -> str:
        """What becomes of a new session."""
        told = self.ledger.try_send(self.ledger.create(expires_in_seconds=900))
        return told if isinstance(told, str) else "ok"

    def status(self, session: UUID) -> Status:
        """How a session reads."""
        loading = self.log.load({session: 0}, [])
        state: Any = None
        for recorded in loading.events:
            state = recorded.event.mutate(state)
        assert isinstance(state, PaymentSession)
        return state.status_at(loading.now)

    @property
    def last(self) -> float:
        """Seconds from the beginning to the last recorded time."""
        recorded = self.log.read(self.log.head() - 1, 1)[0]
        return (recorded.recorded_at - AT).total_seconds()


class _Shared:
    """One memory log as several processes use it."""

    def __init__(self, log: MemoryLog, guard: ClockGuard) -> None:
        self._log, self._guard = log, guard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def load(self, streams: Any, receipts: Any) -> Any:
        return self._log.load_as(self._guard, streams, receipts)

    def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        return self._log.append_as(self._guard, batch)

    def now(self) -> datetime:
        return self.clock_state().now

    def clock_state(self) -> ClockState:
        return self._log.state_as(self._guard)


class _MemoryStore:
    def __init__(self) -> None:
        self.log = MemoryLog(live=True)

    def set(self, at: datetime) -> None:
        self.log.clock = at


@pytest.fixture(params=["memory", "postgres"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "memory":
        store = _MemoryStore()
        yield Rig(lambda guard: _Shared(store.log, guard), store)
        return
    url = request.getfixturevalue("database_url")
    rows(url, "update ledger.identity set mode = 'live' returning 1")
    logs: list[PostgresLog] = []

    def make(guard: ClockGuard) -> EventLog:
        logs.append(PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=2), guard=guard))
        return logs[-1]

    yield Rig(make, TestClock(url))
    for log in logs:
        log.close()


def test_a_quiet_night_is_no_jump_and_neither_is_a_restart_in_it(rig: Rig) -> None:
    assert rig.create() == "ok"
    rig.tick(10 * HOUR)
    assert rig.create() == "ok"
    rig.tick(4 * HOUR)
    rig.restart()
    rig.tick(4 * HOUR)

    assert rig.log.clock_state().doubt == ""
    assert rig.create() == "ok"
    assert rig.last == rig.seconds


def test_a_process_that_knows_nothing_takes_the_clock_as_it_finds_it(rig: Rig) -> None:
    rig.create()
    rig.tick(10 * HOUR)
    rig.restart()
    command = AppendRequest(uuid7(), b"f", [])

    [verdict] = rig.log.append([command])  # its first word with the log

    assert verdict.kind == "recorded"
    assert verdict.recorded_at == AT + timedelta(hours=10)


def test_the_first_event_of_a_ledger_is_guarded_too(database_url: str) -> None:
    rows(database_url, "update ledger.identity set mode = 'live' returning 1")
    hand = TestClock(database_url)
    hand.set(AT)
    connections = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=2)
    log = PostgresLog(connections, guard=ClockGuard(elapsed=lambda: 0.0))
    assert log.now() == AT
    hand.advance(AT, YEAR)

    [verdict] = log.append([AppendRequest(uuid7(), b"f", [])])

    assert (verdict.kind, log.now()) == ("doubt", AT)
    log.close()


def test_a_month_of_drift_is_followed(rig: Rig) -> None:
    for _ in range(60):
        rig.tick(12 * HOUR)
        rig.jump(15)  # the server's clock and ours drift apart
        assert rig.log.clock_state().doubt == ""

    assert rig.create() == "ok"


def test_a_process_whose_own_clock_is_an_hour_off_is_served_as_any_other(rig: Rig) -> None:
    early, late = (LedgerFixture(rig.a_process(own), like=rig.ledger) for own in (-HOUR, HOUR))
    for _ in range(3):
        rig.tick(10 * MINUTE)
        for ledger in (early, late, rig.ledger):
            ledger.create_session()

    assert rig.last == rig.seconds


@pytest.mark.parametrize("off", [10 * MINUTE, -10 * MINUTE, YEAR, -YEAR, -40])
def test_failover_to_a_server_whose_clock_is_off_is_refused_until_it_is_right(
    rig: Rig, off: float
) -> None:
    rig.create()
    head = rig.log.head()
    rig.tick(1)
    rig.jump(off)

    for _ in range(5):  # nothing of it is ever learnt, by reads, by refusals or by waiting
        assert rig.create() == "overloaded"
        assert rig.log.clock_state().doubt
        rig.tick(1)

    assert rig.log.head() == head
    rig.jump(-off)
    assert rig.create() == "ok"
    assert rig.last == rig.seconds
    assert rig.log.clock_state().doubt == ""


def test_a_jump_is_not_learnt_in_an_hour(rig: Rig) -> None:
    rig.create()
    rig.jump(YEAR)

    for _ in range(60):
        rig.tick(MINUTE)
        assert rig.log.clock_state().doubt
        assert rig.log.now() == AT + timedelta(seconds=rig.seconds)

    assert rig.create() == "overloaded"


def test_many_small_jumps_that_nobody_recorded_add_up(rig: Rig) -> None:
    rig.create()
    for _ in range(4):
        rig.jump(200)
        rig.log.load({}, [])

    assert rig.create() == "overloaded"


@pytest.mark.parametrize(("off", "told"), [(300, "ok"), (301, "overloaded"), (-30, "ok")])
def test_the_limits_are_exact(rig: Rig, off: float, told: str) -> None:
    rig.create()
    rig.jump(off)

    assert rig.create() == told


def test_the_limits_are_settings(rig: Rig) -> None:
    rig.create()
    guard = ClockGuard(elapsed=lambda: rig.seconds, ahead_seconds=60, behind_seconds=5)
    log = rig._make(guard)
    ledger = LedgerFixture(log, like=rig.ledger)
    ledger.create_session()

    for off in (61.0, -6.0):
        rig.jump(off)
        assert ledger.try_send(ledger.create()) == "overloaded"
        rig.jump(-off)
    assert ledger.create_session()


def test_resume_from_suspend_is_no_jump(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def clock_gettime(number: int) -> float:
        asked.append(number)
        return rig.seconds

    monkeypatch.setattr(time, "clock_gettime", clock_gettime)
    ledger = LedgerFixture(rig._make(ClockGuard()), like=rig.ledger)
    ledger.create_session()
    rig.tick(9 * HOUR)  # asleep: the clock that counts this goes on, `time.monotonic` does not

    assert ledger.create_session()
    assert boot_seconds() == rig.seconds
    assert set(asked) == {time.CLOCK_BOOTTIME}


def test_a_year_ahead_open_sessions_do_not_read_expired_and_new_ones_expire_in_time(
    rig: Rig,
) -> None:
    session = rig.ledger.create_session(expires_in_seconds=900)
    rig.tick(MINUTE)
    rig.jump(YEAR)

    assert rig.status(session) is Status.CREATED
    assert rig.ledger.try_send(rig.ledger.expire(session)) != "session-expired"
    assert rig.create() == "overloaded"
    rig.tick(14 * MINUTE)
    assert rig.status(session) is Status.EXPIRED  # its time is over, by the time that is believed

    rig.jump(-YEAR)
    fresh = rig.ledger.create_session(expires_in_seconds=900)
    rig.tick(899)
    assert rig.status(fresh) is Status.CREATED
    rig.tick(1)
    assert rig.status(fresh) is Status.EXPIRED
    assert rig.ledger.send(rig.ledger.expire(fresh)).subject.status is Status.EXPIRED


def test_a_small_step_back_freezes_time_for_as_long(rig: Rig) -> None:
    rig.tick(HOUR)
    rig.create()
    rig.jump(-29)

    assert rig.create() == "ok"
    assert rig.last == HOUR
    assert rig.log.now() == AT + timedelta(hours=1)
    rig.tick(29)
    assert rig.create() == "ok"
    assert rig.last == HOUR
    rig.tick(1)
    assert rig.create() == "ok"
    assert rig.last == HOUR + 1


def test_a_large_step_back_refuses_and_reads_stand_still(rig: Rig) -> None:
    session = rig.ledger.create_session(expires_in_seconds=900)
    rig.tick(MINUTE)
    rig.create()
    rig.jump(-31)

    assert rig.create() == "overloaded"
    assert rig.log.now() == AT + timedelta(seconds=60)
    assert rig.status(session) is Status.CREATED
    rig.tick(1)
    assert rig.create() == "ok"


@pytest.mark.parametrize(("back", "told"), [(29, "session-expired"), (600, "overloaded")])
def test_a_late_payment_is_not_accepted_after_a_step_back(rig: Rig, back: int, told: str) -> None:
    wallet, session = rig.ledger.open_wallet(), rig.ledger.create_session(expires_in_seconds=60)
    claim = rig.ledger.claim_session(session, wallet)
    rig.tick(61)
    rig.create()  # the log has reached the deadline
    rig.jump(-back)

    assert rig.ledger.try_send(rig.ledger.pay(session, wallet, claim), key="pay") == told
    assert rig.ledger.wallet(wallet).available_minor == 100_000


def test_in_doubt_nothing_is_stored_and_what_was_stored_is_still_told(rig: Rig) -> None:
    command = rig.ledger.create()
    first = rig.ledger.send(command, key="k")
    [recorded] = [one for one in rig.log.read(0, 1000) if one.stream_id == command.session_id]
    rig.jump(YEAR)
    head = rig.log.head()

    assert rig.ledger.send(command, key="k").position == first.position
    assert rig.ledger.try_send(rig.ledger.create(), key="new") == "overloaded"
    new = envelope(command, key="new").command_id
    known = AppendRequest(
        recorded.command_id, envelope(command, key="k").fingerprint, [recorded.event]
    )
    told = [one.kind.value for one in rig.log.append([known, AppendRequest(new, b"f", [])])]

    assert told == ["duplicate", "doubt"]
    assert rig.log.head() == head
    assert new not in rig.log.load({}, [new]).receipts


def test_a_batch_in_doubt_is_answered_at_once(rig: Rig) -> None:
    rig.create()
    rig.jump(YEAR)
    appends: list[int] = []
    append = rig.log.append

    def counted(batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        appends.append(len(batch))
        return append(batch)

    bus = Bus(rig.log)
    rig.log.append = counted  # type: ignore[method-assign]

    answers = bus.send_all([envelope(rig.ledger.create()) for _ in range(3)])

    assert [getattr(one, "code", "ok") for one in answers] == ["overloaded"] * 3
    assert all("clock" in str(one) for one in answers)
    assert appends == [3]


def test_accepting_a_jump_ahead_takes_the_clock_as_it_is(rig: Rig) -> None:
    session = rig.ledger.create_session(expires_in_seconds=900)
    rig.jump(YEAR)
    assert rig.create() == "overloaded"

    assert rig.accept() == timedelta(0)

    assert rig.create() == "ok"  # the process that refused it takes it from the log
    assert rig.last == rig.seconds + YEAR
    assert rig.status(session) is Status.EXPIRED
    assert rig.log.clock_state().doubt == ""


def test_a_stranded_ledger_goes_on_at_its_true_pace(rig: Rig) -> None:
    rig.create()
    rig.jump(YEAR)
    rig.restart()  # knows nothing, so it takes the clock as it finds it
    assert rig.create() == "ok"
    rig.jump(-YEAR)
    rig.tick(5)
    assert rig.create() == "overloaded"
    rig.restart()
    assert rig.create() == "overloaded"

    assert rig.accept() == timedelta(seconds=YEAR - 5)

    accepted = rig.last
    assert accepted == YEAR  # where the last event left it
    rig.tick(10)
    session = rig.ledger.create_session(expires_in_seconds=60)
    assert rig.last == YEAR + 10
    rig.tick(59)
    assert rig.status(session) is Status.CREATED
    rig.restart()
    rig.tick(1)
    assert rig.status(session) is Status.EXPIRED
    assert rig.log.clock_state().reading.offset == timedelta(seconds=YEAR - 5)
    [event] = [one.event for one in rig.log.read(0, 1000) if one.topic == "clock.accepted"]
    assert vars(event)["offset_microseconds"] == int(YEAR - 5) * 1_000_000


def test_a_later_acceptance_changes_the_offset(rig: Rig) -> None:
    rig.jump(YEAR)
    rig.create()
    rig.restart()
    rig.create()
    rig.jump(-YEAR)
    rig.accept()
    rig.jump(-HOUR)
    assert rig.create() == "overloaded"

    offset = rig.accept()

    assert offset is not None
    assert timedelta(seconds=YEAR) < offset <= timedelta(seconds=YEAR + HOUR)
    assert rig.create() == "ok"
    rig.jump(YEAR + 2 * HOUR)  # the server's clock is past the log by itself: no offset is needed
    assert rig.create() == "overloaded"
    assert rig.accept() == timedelta(0)
    assert rig.create() == "ok"
    assert rig.last == rig.seconds + rig.skew


def test_there_is_nothing_to_accept_while_the_clock_is_right(rig: Rig) -> None:
    rig.create()

    assert rig.accept() is None
    rig.tick(300)
    assert rig.accept() is None
    rig.jump(-30)
    assert rig.accept() is None


def test_an_acceptance_that_would_lead_back_is_refused(rig: Rig) -> None:
    rig.tick(HOUR)
    rig.create()
    rig.jump(-HOUR)
    head = rig.log.head()

    short = AcceptClock(acceptance_id=uuid7(), offset=timedelta(minutes=59))
    assert rig.ledger.try_send(short) == "overloaded"
    for seconds in (-1, 200 * YEAR):
        wrong = AcceptClock(acceptance_id=uuid7(), offset=timedelta(seconds=seconds))
        with pytest.raises(InvalidRequest):
            rig.ledger.send(wrong)

    assert rig.log.head() == head
    assert rig.log.clock_state().reading.offset == timedelta(0)


def test_a_test_ledger_goes_on_with_a_jump_ahead_and_says_so(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    if isinstance(rig._store, TestClock):
        rows(rig._store._url, "update ledger.identity set mode = 'test' returning 1")
    else:
        rig._store.log.live = False
    rig.create()
    rig.jump(YEAR)

    assert rig.create() == "ok"
    assert rig.create() == "ok"

    assert rig.last == rig.seconds + YEAR
    warnings = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "34560000 s ahead" in warnings[0].getMessage()
    rig.jump(-31)
    assert rig.create() == "overloaded"


def test_the_log_is_told_once_when_it_begins_once_a_minute_and_once_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seconds = 0.0
    guard = ClockGuard(elapsed=lambda: seconds)
    database_role = ClockReading(AT + timedelta(seconds=10), AT, live=True)
    wrong = database_role._replace(clock=AT - timedelta(seconds=31))
    guard.judge(database_role, seconds)

    for tenth in range(int(LOG_SECONDS) * 10 + 1):
        seconds = tenth / 10
        guard.judge(wrong, seconds)
    assert len(caplog.records) == 2
    guard.judge(database_role, seconds)
    guard.judge(database_role, seconds)

    assert [one.levelname for one in caplog.records] == ["ERROR", "ERROR", "WARNING"]


def test_what_was_asked_before_a_pause_is_not_taken_for_now() -> None:
    seconds = 0.0
    guard = ClockGuard(elapsed=lambda: seconds)
    asked = guard.elapsed()
    seconds = HOUR  # stopped while the answer was on its way
    guard.judge(ClockReading(AT, None, live=True), asked)

    assert guard.witness() == AT + timedelta(hours=1)
