"""Races have one winner, and every loser gets a clear refusal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier, Event, Thread
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from application.command import Outcome, Result
from application.writer import Writer
from domain.errors import LedgerError
from domain.sessions.state import Status
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.faults.test_database_away import wait_for
from tests.support.feeds import Collector, followed
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.machine import Ledger, LedgerMachine
from tests.support.postgres import TestClock, rows

START = datetime(
    2040, 1, 1, tzinfo=UTC
)  # after the events that the fixtures recorded by the real clock
pytestmark = [pytest.mark.faults, pytest.mark.postgres]


@pytest.fixture
def ledgers(database_url: str) -> Iterator[list[LedgerFixture]]:
    """The buses of two API processes on one ledger, with the same accounts."""
    logs = [
        PostgresLog(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=4)) for _ in range(2)
    ]
    first = LedgerFixture(logs[0])
    yield [first, LedgerFixture(logs[1], like=first)]
    for log in logs:
        log.close()


def code(result: Result) -> str:
    return result.code if isinstance(result, LedgerError) else "ok"


def test_a_thousand_payments_of_one_session_by_two_wallets_have_one_winner(
    ledgers: list[LedgerFixture], database_url: str
) -> None:
    wallets = [ledgers[0].open_wallet(50_000), ledgers[0].open_wallet(50_000)]
    session = ledgers[0].create_session()
    claims = [ledgers[0].claim_session(session, wallets[0]), "clm_" + "0" * 26]
    results: list[tuple[int, str]] = []
    done = Event()
    writers = [Writer(ledger.bus) for ledger in ledgers]

    def answered(wallet: int, result: Result) -> None:
        results.append((wallet, code(result)))
        if len(results) == 1000:
            done.set()

    for number in range(1000):
        wallet, ledger = number % 2, ledgers[number // 2 % 2]
        command = ledger.pay(session, wallets[wallet], claims[wallet])
        writers[number // 2 % 2].submit(
            envelope(command, key=f"key {number}"), partial(answered, wallet)
        )
    for writer in writers:
        writer.start()
    assert done.wait(60)
    for writer in writers:
        writer.stop()

    counted = Counter(results)
    assert counted[0, "ok"] == 500  # the winner and its own repetitions are one payment
    assert set(counted) <= {(0, "ok"), (1, "session-not-payable"), (1, "claim-required")}
    assert sum(counted.values()) == 1000
    assert ledgers[0].wallet(wallets[0]).available_minor == 49_000
    assert ledgers[0].wallet(wallets[1]).available_minor == 50_000
    paid = "select count(*) from ledger.events where topic = 'payment_session.paid'"
    assert rows(database_url, paid) == [(1,)]


def test_two_wallets_that_scan_and_pay_concurrently_have_one_winner(
    ledgers: list[LedgerFixture],
) -> None:
    for _ in range(20):
        session = ledgers[0].create_session()
        wallets = [ledgers[0].open_wallet(5000), ledgers[0].open_wallet(5000)]

        ends = sorted(_race(ledgers, session, wallets))

        assert ends[0] == "paid"
        assert ends[1] in {"session-claimed", "session-not-payable"}
        left = sorted(ledgers[0].wallet(wallet).available_minor for wallet in wallets)
        assert left == [4000, 5000]


def _race(ledgers: list[LedgerFixture], session: UUID, wallets: list[UUID]) -> list[str]:
    """Each wallet scans and pays through a process of its own; returns the result of each."""
    start = Barrier(len(wallets))
    ends: list[str] = []

    def life(ledger: LedgerFixture, wallet: UUID) -> None:
        start.wait()
        scanned = ledger.try_send(ledger.scan(session, wallet))
        if isinstance(scanned, str):
            ends.append(scanned)
            return
        paid = ledger.try_send(ledger.pay(session, wallet, scanned.subject.claim.id))
        ends.append(paid if isinstance(paid, str) else "paid")

    threads = [Thread(target=life, args=pair) for pair in zip(ledgers, wallets, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return ends


def test_fifty_calls_with_one_key_are_one_command(ledgers: list[LedgerFixture]) -> None:
    command = ledgers[0].create("A-1")
    results: list[Outcome | str] = []
    start = Barrier(50)

    def call(ledger: LedgerFixture) -> None:
        log = PostgresLog(ConnectionPool(ledger_url(ledger), DatabaseRole.WRITER, size_max=1))
        own = LedgerFixture(log, like=ledgers[0])
        start.wait()
        results.append(own.try_send(own.create("A-1"), key="k", body="b"))
        log.close()

    def ledger_url(ledger: LedgerFixture) -> str:
        assert isinstance(ledger.log, PostgresLog)
        return ledger.log._pool.url

    threads = [Thread(target=call, args=(ledgers[n % 2],)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    outcomes = [r for r in results if isinstance(r, Outcome)]
    assert len(outcomes) == 50
    assert len({outcome.subject.id for outcome in outcomes}) == 1
    assert len({outcome.position for outcome in outcomes}) == 1
    assert sum(not outcome.replayed for outcome in outcomes) == 1
    assert ledgers[0].try_send(command) == "order-open"


@pytest.mark.parametrize("offset", [-1, 0, 1])
@pytest.mark.parametrize("order", [["pay", "expire", "cancel"], ["expire", "cancel", "pay"],
                                   ["cancel", "pay", "expire"]])  # fmt: skip
def test_pay_expire_and_cancel_at_the_deadline(
    ledgers: list[LedgerFixture], clock: TestClock, offset: int, order: list[str]
) -> None:
    clock.set(START)
    wallet, session = ledgers[0].open_wallet(5000), ledgers[0].create_session()
    claim = ledgers[0].claim_session(session, wallet)
    clock.set(START + timedelta(seconds=900, microseconds=offset))
    commands = {
        "pay": ledgers[0].pay(session, wallet, claim),
        "expire": ledgers[0].expire(session),
        "cancel": ledgers[0].cancel(session),
    }

    results = ledgers[0].bus.send_all([envelope(commands[name]) for name in order])
    codes = dict(zip(order, map(code, results), strict=True))

    status = ledgers[0].session(session).status
    if offset < 0:
        winner, loser = ("pay", "cancel") if status is Status.PAID else ("cancel", "pay")
        assert status in {Status.PAID, Status.CANCELLED}
        expired = "session-not-due" if order[0] == "expire" else "ok"  # else it has ended before
        assert codes == {winner: "ok", loser: "session-not-payable", "expire": expired}
    else:
        assert status is Status.EXPIRED
        assert (codes["pay"], codes["cancel"]) == ("session-expired", "session-not-payable")
    spent = 5000 - ledgers[0].wallet(wallet).available_minor
    assert spent == (1000 if status is Status.PAID else 0)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_process_with_a_wrong_clock_changes_nothing(
    ledgers: list[LedgerFixture], monkeypatch: pytest.MonkeyPatch, clock: TestClock, hours: int
) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return START + timedelta(hours=hours)

    real = time.time
    monkeypatch.setattr("eventsourcing.domain.datetime", Wrong)
    monkeypatch.setattr(time, "time", lambda: real() + 3600 * hours)
    clock.set(START)
    ledger = ledgers[0]
    wallet, session = ledger.open_wallet(5000), ledger.create_session()
    claim = ledger.claim_session(session, wallet)

    assert ledger.try_send(ledger.expire(session)) == "session-not-due"
    assert ledger.session(session).status is Status.SCANNED
    clock.set(START + timedelta(seconds=899))
    ledger.send(ledger.pay(session, wallet, claim))
    late = ledger.create_session()
    clock.set(START + timedelta(seconds=899 + 900))
    assert ledger.try_send(ledger.scan(late, wallet)) == "session-expired"

    for recorded in ledger.log.read(0, 1000):
        assert abs(recorded.event.timestamp - recorded.recorded_at) < timedelta(seconds=5)


def test_a_consumer_of_the_log_of_eight_writers_skips_nothing(database_url: str) -> None:
    logs = [
        PostgresLog(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=2)) for _ in range(9)
    ]
    first = LedgerFixture(logs[0])
    shared = [first.open_wallet(10**9) for _ in range(3)]
    collector = Collector()

    def write(number: int) -> None:
        ledger = LedgerFixture(logs[number], like=first)
        for turn in range(40):
            sessions = [ledger.create() for _ in range(4)]
            ledger.bus.send_all([envelope(session) for session in sessions])
            for session in sessions:
                wallet = shared[(number + turn) % 3]  # contended intentionally
                scanned = ledger.try_send(ledger.scan(session.session_id, wallet))
                if isinstance(scanned, Outcome):
                    claim = scanned.subject.claim.id
                    ledger.try_send(ledger.pay(session.session_id, wallet, claim))

    threads = [Thread(target=write, args=(number,)) for number in range(8)]
    with followed(database_url, logs[8], collector):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        wait_for(lambda: collector.position == logs[8].head())

    seen = collector.positions
    assert seen == list(range(1, logs[8].head() + 1))
    assert len(seen) > 8 * 40 * 4
    broken = """
        select count(*) from (
            select originator_version - row_number() over
                   (partition by originator_id order by notification_id) as off,
                   recorded_at < lag(recorded_at) over (order by notification_id) as back
              from ledger.events) e where e.off <> 0 or e.back
    """
    assert rows(database_url, broken) == [(0,)]
    for log in logs:
        log.close()


def test_the_ledger_on_postgresql_agrees_with_the_model(
    database_url: str, clock: TestClock
) -> None:
    class OnPostgres(Ledger):
        at = START

        def __init__(self) -> None:
            self.log = PostgresLog(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=2))
            clock.set(OnPostgres.at)

        def advance(self, seconds: float) -> None:
            OnPostgres.at = clock.advance(OnPostgres.at, seconds)

    class Machine(LedgerMachine):
        def make_ledger(self) -> Ledger:
            return OnPostgres()

        def teardown(self) -> None:
            log = self.ledger.log
            assert isinstance(log, PostgresLog)
            log.close()

    run_state_machine_as_test(Machine, settings=settings(max_examples=15, stateful_step_count=25))
