"""Concurrent refunds and payouts through two API processes: never a unit too much."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Barrier, Event, Thread

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from application.command import Result
from application.commands.refund_session import RefundSession
from application.commands.request_payout import RequestPayout
from application.writer import Writer
from domain.accounting import chart
from domain.errors import LedgerError
from domain.merchants.fee_plan import FeePlan
from domain.money.money import Money
from domain.payouts.debits import MerchantDebits
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from projections._runner import Runner
from projections.balances import Balances
from projections.journal import Journal
from tests.support.books_fixture import BooksFixture
from tests.support.books_machine import BooksMachine
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.machine import Ledger
from tests.support.postgres import TestClock
from tests.support.read_models import apply_all, reader

START = datetime(2040, 1, 1, tzinfo=UTC)
"""After the events that the fixtures recorded by the real clock."""
CATCH_UP_SECONDS = 30.0
CLIENTS = 40
pytestmark = [pytest.mark.faults, pytest.mark.postgres]

Debit = RefundSession | RequestPayout


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    """The connections of a worker's read models, and of the queries."""
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=16)
    yield pool
    pool.close()


@pytest.fixture
def ledgers(database_url: str) -> Iterator[list[LedgerFixture]]:
    """The buses of two API processes on one ledger, with the same accounts."""
    logs = [
        PostgresLog(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=6)) for _ in range(2)
    ]
    first = LedgerFixture(logs[0])
    yield [first, LedgerFixture(logs[1], like=first)]
    for log in logs:
        log.close()


@contextmanager
def worker(log: PostgresLog, pool: ConnectionPool, *, rebuilds: bool) -> Iterator[list[int]]:
    """Follows the log with `balances`, and meanwhile rebuilds it again and again if asked.

    Yields the numbers of events that rebuilds have replayed.
    """
    stopped, rebuilt = Event(), []
    runner = Runner(Balances, pool.connection)
    runner.prepare(reader(runner, log))

    def follow() -> None:
        while not stopped.is_set():
            apply_all(runner, log, size=7)
            stopped.wait(0.01)

    def rebuild() -> None:
        while not stopped.is_set():
            rebuilt.append(runner.rebuild(reader(runner, log)))

    threads = [Thread(target=follow), *([Thread(target=rebuild)] if rebuilds else [])]
    for thread in threads:
        thread.start()
    yield rebuilt
    stopped.set()
    for thread in threads:
        thread.join(60)


def send(writer: Writer, command: Debit) -> str:
    """Send a command through a process's writer; returns `ok` or the code of the refusal."""
    results: SimpleQueue[Result] = SimpleQueue()
    writer.submit(envelope(command), results.put)
    result = results.get(timeout=60)
    return result.code if isinstance(result, LedgerError) else "ok"


def send_debit(
    ledger: LedgerFixture,
    writer: Writer,
    pool: ConnectionPool,
    currency: str,
    make: Callable[[], Debit],
) -> str:
    """What the API does (`api.v1.debits`): counted credits first, then those up to the head."""
    balances, account = Balances(pool.connection), chart.PAYABLE.of(ledger.merchant)
    command = replace(
        make(), credits=balances.credits(account, currency), credits_are_current=False
    )
    result = send(writer, command)
    if result != "credits-not-counted":
        return result
    head, until = ledger.log.head(), time.monotonic() + CATCH_UP_SECONDS
    while (earned := balances.credits(account, currency)).position < head:
        assert time.monotonic() < until, "the read model does not catch up"
        time.sleep(0.01)
    return send(writer, replace(command, credits=earned, credits_are_current=True))


def race(
    ledgers: list[LedgerFixture], pool: ConnectionPool, makes: list[Callable[[], Debit]]
) -> Counter[str]:
    """Send the commands at once, by turns to the two processes; returns the results."""
    writers = [Writer(ledger.bus) for ledger in ledgers]
    start, results = Barrier(CLIENTS), []

    def work(number: int) -> None:
        start.wait()
        for index in range(number, len(makes), CLIENTS):
            ledger, writer = ledgers[index % 2], writers[index % 2]
            results.append(send_debit(ledger, writer, pool, "USD", makes[index]))

    threads = [Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for writer in writers:
        writer.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for writer in writers:
        writer.stop()
    return Counter(results)


@pytest.mark.parametrize("rebuilds", [False, True], ids=["followed", "rebuilt"])
def test_of_two_hundred_concurrent_refunds_the_payment_is_returned_exactly_once(
    ledgers: list[LedgerFixture], pool: ConnectionPool, rebuilds: bool
) -> None:
    ledger, books = ledgers[0], BooksFixture(ledgers[0])
    ledger.send(books.set_plan("USD", FeePlan(basis_points=333, fixed_minor=7)))
    wallet = ledger.open_wallet(10_000)
    session = books.paid_session(wallet, Money(1_000, "USD"))
    books.paid_session(wallet, Money(5_000, "USD"))  # so that only the payment is the limit
    none = books.credits("USD", up_to=0)

    def refund() -> RefundSession:
        return books.refund(session, Money(7, "USD"), credits=none)

    log = ledgers[1].log
    assert isinstance(log, PostgresLog)
    with worker(log, pool, rebuilds=rebuilds) as rebuilt:
        results = race(ledgers, pool, [refund] * 200)

    assert results == {"ok": 142, "refund-exceeds-paid": 58}
    paid = ledger.session(session)
    assert paid.refunded_minor == 994
    assert ledger.wallet(wallet).available_minor == 10_000 - 6_000 + 994
    assert sum(refund.fee_returned_minor for refund in paid.refunds.values()) == 40 * 994 // 1_000
    assert bool(rebuilt) is rebuilds


@pytest.mark.parametrize("rebuilds", [False, True], ids=["followed", "rebuilt"])
def test_concurrent_refunds_and_payouts_never_take_more_than_the_merchant_has(
    ledgers: list[LedgerFixture], pool: ConnectionPool, rebuilds: bool
) -> None:
    ledger, books = ledgers[0], BooksFixture(ledgers[0])
    ledger.send(books.set_payouts("USD"))
    wallet = ledger.open_wallet(10_000)
    sessions = [books.paid_session(wallet, Money(1_000, "USD")) for _ in range(2)]
    none = books.credits("USD", up_to=0)

    def refund() -> RefundSession:
        return books.refund(sessions[0], Money(7, "USD"), credits=none)

    def payout() -> RequestPayout:
        return books.payout(Money(30, "USD"), credits=none)

    log = ledgers[1].log
    assert isinstance(log, PostgresLog)
    with worker(log, pool, rebuilds=rebuilds):
        results = race(ledgers, pool, [refund, refund, payout, payout] * 50)

    assert results.keys() <= {"ok", "payable-insufficient", "refund-exceeds-paid"}
    assert results["payable-insufficient"] > 0  # 100 x 7 + 100 x 30 is more than 2,000
    assert results.total() == 200
    debits = ledger._state(MerchantDebits.stream_id(ledger.merchant_id, "USD"))
    assert 2_000 - 30 < debits.debited_minor <= 2_000


def test_books_on_postgresql_are_those_of_the_model(
    database_url: str, clock: TestClock, pool: ConnectionPool, postgres_log: PostgresLog
) -> None:
    runners = [Runner(model, pool.connection) for model in (Journal, Balances)]
    for runner in runners:
        runner.prepare(reader(runner, postgres_log))

    class OnPostgres(Ledger):
        at = START

        def __init__(self) -> None:
            self.log = PostgresLog(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=2))
            clock.set(OnPostgres.at)

        def advance(self, seconds: float) -> None:
            OnPostgres.at = clock.advance(OnPostgres.at, seconds)

    class Machine(BooksMachine):
        def make_ledger(self) -> Ledger:
            return OnPostgres()

        def teardown(self) -> None:
            log = self.ledger.log
            assert isinstance(log, PostgresLog)
            for runner in runners:
                apply_all(runner, log, size=11)
            log.close()

    run_state_machine_as_test(Machine, settings=settings(max_examples=12, stateful_step_count=25))

    for runner in runners:
        assert runner.verify(reader(runner, postgres_log)) == []
