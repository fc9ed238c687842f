"""Read models: pages applied twice, rebuilds, new versions, failing events."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import partial
from threading import Event, Thread
from typing import Any, ClassVar

import psycopg
import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from application.commands.decline_attempt import DeclineAttempt
from application.commands.flag_session import FlagSession
from application.commands.fund_payout import FundPayout
from application.commands.return_payout import ReturnPayout
from application.commands.send_payout import SendPayout
from application.commands.set_processors import SetProcessors
from application.commands.settle_payout import SettlePayout
from application.commands.start_attempt import StartAttempt
from application.consumer import Page
from application.event_log import Recorded
from domain import ids
from domain.accounting import chart
from domain.merchants.payout_terms import PayoutTerms
from domain.money.money import Money
from infrastructure import audit
from infrastructure.event_store import registry
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool
from projections._read_model import ReadModel, all_models
from projections._runner import Runner, read_lags
from projections.attempts import Attempts
from projections.refunds import Refunds
from projections.sessions import Sessions
from projections.wallet_payments import WalletPayments
from tests.support.ledger_fixture import LedgerFixture
from tests.support.payout_steps import DESTINATION, LogCredits, request_payout, set_terms
from tests.support.postgres import rows
from tests.support.read_models import apply_all, reader
from tests.support.static_codes import CodesFixture

pytestmark = pytest.mark.postgres


def make_history(log: PostgresLog) -> LedgerFixture:
    ledger = LedgerFixture(log)
    wallet, other = ledger.open_wallet(), ledger.open_wallet()
    for number in range(12):
        session = ledger.create_session(metadata={"n": str(number)})
        if number % 4 == 0:
            continue
        claim = ledger.claim_session(session, wallet)
        if number % 4 == 1:
            ledger.send(ledger.pay(session, wallet, claim))
        elif number % 4 == 2:
            ledger.send(ledger.cancel(session))
        else:
            ledger.try_send(ledger.scan(session, other))
    make_payouts(ledger)
    codes = CodesFixture(ledger)
    ledger.send(codes.scan(codes.issue(), wallet, 700))
    ledger.send(codes.revoke(codes.issue()))
    return ledger


def make_payouts(ledger: LedgerFixture) -> None:
    """Payouts with every status."""
    set_terms(ledger, PayoutTerms(DESTINATION))
    topped_up = LogCredits(ledger.log).credits(chart.BANK.of(), "USD")
    for steps in range(5):
        payout_id = request_payout(ledger, 100 + steps)
        commands = (
            FundPayout(payout_id=payout_id, credits=topped_up),
            SendPayout(payout_id=payout_id, bank_reference="B-1"),
            SettlePayout(payout_id=payout_id),
            ReturnPayout(payout_id=payout_id, reason="account closed"),
        )
        for command in commands[:steps]:
            ledger.send(command)


def make_attempts(ledger: LedgerFixture) -> None:
    """Three attempts: one open, one that a person has to look at, one declined."""
    merchant = ids.decode("mer", ledger.merchant)
    ledger.send(SetProcessors(merchant_id=merchant, processors=("psp",)))
    for word in (None, FlagSession, DeclineAttempt):
        about: dict[str, Any] = {
            "session_id": ledger.create_session(), "attempt_id": ledger.new_id(),
        }  # fmt: skip
        ledger.send(StartAttempt(processor="psp", **about))
        if word is not None:
            ledger.send(word(reason="r", **about))


def make_refunds(ledger: LedgerFixture) -> None:
    wallet, session = ledger.open_wallet(), ledger.create_session()
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))
    for minor in (300, 700):
        payable = chart.PAYABLE.of(ledger.merchant)
        earned = LogCredits(ledger.log).credits(payable, "USD").minor
        ledger.send(ledger.refund(session, Money(minor, "USD"), earned=earned))


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.name)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_live_rows_equal_rebuilt_rows_for_any_page_size(
    database_url: str,
    postgres_log: PostgresLog,
    model: type[ReadModel],
    size: int,
    pool: ConnectionPool,
) -> None:
    runner = Runner(model, pool.connection)
    assert runner.prepare(reader(runner, postgres_log)) == 0
    ledger = make_history(postgres_log)
    if model is Refunds:
        make_refunds(ledger)
    if model is Attempts:
        make_attempts(ledger)
    apply_all(runner, postgres_log, size=size)

    assert runner.verify(reader(runner, postgres_log)) == []
    [(count,)] = rows(database_url, f"select count(*) from read_models.{model.name}")
    assert count > 0
    assert runner.rebuild(reader(runner, postgres_log)) == postgres_log.head()
    assert runner.verify(reader(runner, postgres_log)) == []
    assert rows(database_url, f"select count(*) from read_models.{model.name}") == [(count,)]


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.name)
def test_the_same_page_twice_counts_once(
    database_url: str, postgres_log: PostgresLog, model: type[ReadModel], pool: ConnectionPool
) -> None:
    make_history(postgres_log)
    runner = Runner(model, pool.connection)
    apply_all(runner, postgres_log)
    before = rows(database_url, f"select * from read_models.{model.name} order by 1")

    again = [runner.apply(reader(runner, postgres_log)(0, size)) for size in (1000, 3)]

    assert again == [postgres_log.head()] * 2  # an old page does not move the position back
    assert rows(database_url, f"select * from read_models.{model.name} order by 1") == before


def test_two_runners_share_the_work_and_no_event_counts_twice(
    postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    make_history(postgres_log)
    first, second = (Runner(WalletPayments, pool.connection) for _ in range(2))
    read = reader(first, postgres_log)
    first.prepare(read)
    apply_all(second, postgres_log, size=3)
    apply_all(first, postgres_log, size=5)

    assert first.verify(read) == []


@pytest.mark.unaudited
def test_verify_and_the_audit_find_a_changed_row(
    database_url: str, postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    make_history(postgres_log)
    runner = Runner(Sessions, pool.connection)
    apply_all(runner, postgres_log)
    with pool.connection() as connection:
        connection.execute(
            "update read_models.sessions set amount_minor = 1 where status = 'paid' and "
            "position = (select min(position) from read_models.sessions where status = 'paid')"
        )

    differences = runner.verify(reader(runner, postgres_log))

    assert len(differences) == 2
    assert "only in the live table" in differences[0]
    [violation] = audit.check(database_url, postgres_log).violations
    assert violation.invariant == "rows-equal-the-fold"


def test_verify_of_a_lagging_model_compares_at_its_position(
    postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    make_history(postgres_log)
    runner = Runner(Sessions, pool.connection)
    apply_all(runner, postgres_log)
    make_history(postgres_log)

    assert runner.verify(reader(runner, postgres_log)) == []
    with pool.connection() as connection:
        lags = read_lags(connection)
    [sessions] = [lag for lag in lags if lag.name == Sessions.name]
    assert sessions.events > 0
    assert sessions.seconds >= 0


def test_a_new_version_is_built_in_a_new_table_that_replaces_the_old_one(
    database_url: str, postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    class Payments2(WalletPayments):
        version = WalletPayments.version + 1
        tables = WalletPayments.tables.replace(
            "position bigint not null", "position bigint not null, extra int"
        )

    make_history(postgres_log)
    apply_all(Runner(WalletPayments, pool.connection), postgres_log)

    runner = Runner(Payments2, pool.connection)
    position = runner.prepare(reader(runner, postgres_log))

    assert position == postgres_log.head()
    [(count,)] = rows(
        database_url, "select count(*) from read_models.wallet_payments where extra is null"
    )
    assert count == 3


def test_a_payment_from_a_processor_is_in_no_wallets_list(
    database_url: str, postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    make_history(postgres_log)
    runner = Runner(WalletPayments, pool.connection)
    page = reader(runner, postgres_log)(0, 1000)
    paid = [recorded for recorded in page.events if recorded.topic == "payment_session.paid"]
    without_wallet = [
        recorded._replace(decode=partial(without, ("wallet_id", "claim_id"), recorded.event))
        for recorded in paid
    ]
    assert without_wallet
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute(WalletPayments.tables.format(table="pg_temp.payments"))

        WalletPayments.apply(without_wallet, cursor, "pg_temp.payments")

        cursor.execute("select count(*) from pg_temp.payments")
        assert cursor.fetchone() == (0,)


def without(names: Sequence[str], event: Any, _: Recorded) -> Any:
    """The event with nothing in some of its fields."""
    changed = copy(event)
    changed.__dict__.update(dict.fromkeys(names))
    return changed


def test_a_failing_event_halts_a_model_and_leaves_its_rows_unchanged(
    database_url: str, postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    class Picky(WalletPayments):
        poison: ClassVar[bool] = True

        @classmethod
        def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
            super().apply(events, cursor, table)
            if cls.poison:
                raise ZeroDivisionError

    runner = Runner(Picky, pool.connection)
    runner.prepare(reader(runner, postgres_log))
    make_history(postgres_log)

    with pytest.raises(ZeroDivisionError):
        runner.apply(reader(runner, postgres_log)(0, 1000))

    query = "select position from read_models.tracking where name = 'wallet_payments'"
    assert rows(database_url, query) == [(0,)]
    assert rows(database_url, "select count(*) from read_models.wallet_payments") == [(0,)]


def test_a_merchant_sees_only_its_own_sessions_and_they_expire_by_time(
    postgres_log: PostgresLog, clock: Any, pool: ConnectionPool
) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    ledger = LedgerFixture(postgres_log)
    session = ledger.create_session()
    other = LedgerFixture(postgres_log)
    other.create_session()
    apply_all(Runner(Sessions, pool.connection), postgres_log)
    model = Sessions(postgres_log._pool.connection)

    open_rows = model.of_merchant(
        ledger.merchant, statuses=["created"], limit=10, now=ledger.log.now()
    )
    clock.set(datetime(2050, 1, 1, tzinfo=UTC))
    now = ledger.log.now()
    expired = model.of_merchant(ledger.merchant, statuses=["expired"], limit=10, now=now)

    assert [row.session_id for row in open_rows] == [session]
    assert [row.session_id for row in expired] == [session]
    assert expired[0].status_at(now).value == "expired"
    assert model.of_merchant(ledger.merchant, statuses=["created"], limit=10, now=now) == []


def test_every_event_of_a_session_changes_its_row() -> None:
    of_session = ("payment_session.", "refund.", "attempt.", "dispute.")
    topics = {topic for topic in registry.EVENTS if topic.startswith(of_session)}

    assert {event.TOPIC for event in Sessions.follows} == topics


def test_rows_and_position_are_written_in_one_transaction(
    database_url: str, postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    make_history(postgres_log)
    runner = Runner(Sessions, pool.connection)
    runner.prepare(lambda after, _limit: Page(after, after, ()))
    with psycopg.connect(database_url) as owner:  # the position cannot be written
        owner.execute(
            "create function public.refuse() returns trigger language plpgsql as "
            "$$ begin raise 'the disk is full'; end $$; create trigger refuse before update "
            "on read_models.tracking for each row execute function public.refuse()"
        )

    with pytest.raises(psycopg.errors.RaiseException):
        runner.apply(reader(runner, postgres_log)(0, 1000))

    assert rows(database_url, "select count(*) from read_models.sessions") == [(0,)]


def test_the_audit_finds_no_violation_while_tables_are_replaced(
    postgres_log: PostgresLog, database_url: str, pool: ConnectionPool
) -> None:
    make_history(postgres_log)
    over = Event()
    rebuilt = 0

    def rebuild() -> None:
        nonlocal rebuilt
        while not over.is_set():
            runner = Runner(Sessions, pool.connection)
            runner.rebuild(reader(runner, postgres_log))
            rebuilt += 1

    thread = Thread(target=rebuild)
    thread.start()
    try:
        reports = [audit.check(database_url, postgres_log) for _ in range(25)]
    finally:
        over.set()
        thread.join()

    assert rebuilt > 1
    assert [report.violations for report in reports] == [[]] * 25
