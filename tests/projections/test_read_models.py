"""Read models: pages applied twice, rebuilds, new versions, failing events."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event, Thread
from typing import Any, ClassVar

import psycopg
import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from application.event_log import Recorded
from infrastructure import audit
from infrastructure.event_store import registry
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import DatabaseRole, connect
from projections._read_model import ReadModel, all_models
from projections._runner import Runner, read_lags
from projections.sessions import Sessions
from projections.wallet_payments import WalletPayments
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import rows

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
    return ledger


def apply_all(runner: Runner, log: PostgresLog, *, size: int = 1000) -> None:
    position = runner.prepare(log.read)
    while page := log.read(position, size):
        position = runner.apply_page(page)


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.name)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_live_rows_equal_rebuilt_rows_for_any_page_size(
    database_url: str, postgres_log: PostgresLog, model: type[ReadModel], size: int
) -> None:
    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        runner = Runner(model, connection)
        assert runner.prepare(postgres_log.read) == 0
        make_history(postgres_log)
        apply_all(runner, postgres_log, size=size)

        assert runner.verify(postgres_log.read) == []
        [(count,)] = rows(database_url, f"select count(*) from read_models.{model.name}")
        assert count > 0
        assert runner.rebuild(postgres_log.read) == postgres_log.head()
        assert runner.verify(postgres_log.read) == []
        assert rows(database_url, f"select count(*) from read_models.{model.name}") == [(count,)]


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.name)
def test_the_same_page_twice_counts_once(
    database_url: str, postgres_log: PostgresLog, model: type[ReadModel]
) -> None:
    make_history(postgres_log)
    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        runner = Runner(model, connection)
        apply_all(runner, postgres_log)
        before = rows(database_url, f"select * from read_models.{model.name} order by 1")

        again = [runner.apply_page(postgres_log.read(0, size)) for size in (1000, 3)]

        assert again == [postgres_log.head()] * 2  # an old page does not move the position back
        assert rows(database_url, f"select * from read_models.{model.name} order by 1") == before


def test_two_runners_share_the_work_and_no_event_counts_twice(
    database_url: str, postgres_log: PostgresLog
) -> None:
    make_history(postgres_log)
    with (
        connect(database_url, DatabaseRole.PROJECTOR) as one,
        connect(database_url, DatabaseRole.PROJECTOR) as two,
    ):
        first, second = Runner(WalletPayments, one), Runner(WalletPayments, two)
        first.prepare(postgres_log.read)
        apply_all(second, postgres_log, size=3)
        apply_all(first, postgres_log, size=5)
        assert first.verify(postgres_log.read) == []


@pytest.mark.unaudited
def test_verify_and_the_audit_find_a_changed_row(
    database_url: str, postgres_log: PostgresLog
) -> None:
    make_history(postgres_log)
    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        runner = Runner(Sessions, connection)
        apply_all(runner, postgres_log)
        connection.execute(
            "update read_models.sessions set amount_minor = 1 where status = 'paid' and "
            "position = (select min(position) from read_models.sessions where status = 'paid')"
        )

        differences = runner.verify(postgres_log.read)

        assert len(differences) == 2
        assert "only in the live table" in differences[0]
    [violation] = audit.check(database_url, postgres_log).violations
    assert violation.invariant == "rows-equal-the-fold"


def test_verify_of_a_lagging_model_compares_at_its_position(
    database_url: str, postgres_log: PostgresLog
) -> None:
    make_history(postgres_log)
    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        runner = Runner(Sessions, connection)
        apply_all(runner, postgres_log)
        make_history(postgres_log)

        assert runner.verify(postgres_log.read) == []
        [sessions] = [lag for lag in read_lags(connection) if lag.name == Sessions.name]
        assert sessions.events > 0
        assert sessions.seconds >= 0


def test_a_new_version_is_built_in_a_new_table_that_replaces_the_old_one(
    database_url: str, postgres_log: PostgresLog
) -> None:
    class Payments2(WalletPayments):
        version = 2
        tables = WalletPayments.tables.replace(
            "position bigint not null", "position bigint not null, extra int"
        )

    make_history(postgres_log)
    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        apply_all(Runner(WalletPayments, connection), postgres_log)

        position = Runner(Payments2, connection).prepare(postgres_log.read)

        assert position == postgres_log.head()
        [(count,)] = rows(
            database_url, "select count(*) from read_models.wallet_payments where extra is null"
        )
        assert count == 3


def test_a_failing_event_halts_a_model_and_leaves_its_rows_unchanged(
    database_url: str, postgres_log: PostgresLog
) -> None:
    class Picky(WalletPayments):
        poison: ClassVar[bool] = True

        @classmethod
        def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
            super().apply(events, cursor, table)
            if cls.poison:
                raise ZeroDivisionError

    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        runner = Runner(Picky, connection)
        runner.prepare(postgres_log.read)
        make_history(postgres_log)

        with pytest.raises(ZeroDivisionError):
            runner.apply_page(postgres_log.read(0, 1000))

        query = "select position from read_models.tracking where name = 'wallet_payments'"
        assert rows(database_url, query) == [(0,)]
        assert rows(database_url, "select count(*) from read_models.wallet_payments") == [(0,)]


def test_a_merchant_sees_only_its_own_sessions_and_they_expire_by_time(
    database_url: str, postgres_log: PostgresLog, clock: Any
) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    ledger = LedgerFixture(postgres_log)
    session = ledger.create_session()
    other = LedgerFixture(postgres_log)
    other.create_session()
    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        apply_all(Runner(Sessions, connection), postgres_log)
    model = Sessions(postgres_log._pool.connection)

    open_rows = model.of_merchant(ledger.merchant, status="created", limit=10, now=ledger.log.now())
    clock.set(datetime(2050, 1, 1, tzinfo=UTC))
    now = ledger.log.now()
    expired = model.of_merchant(ledger.merchant, status="expired", limit=10, now=now)

    assert [row.session_id for row in open_rows] == [session]
    assert [row.session_id for row in expired] == [session]
    assert expired[0].status_at(now).value == "expired"
    assert model.of_merchant(ledger.merchant, status="created", limit=10, now=now) == []


def test_every_event_of_a_session_changes_its_row() -> None:
    topics = {
        topic for topic in registry.EVENTS if topic.startswith(("payment_session.", "refund."))
    }

    assert {event.TOPIC for event in Sessions.follows} == topics


def test_rows_and_position_are_written_in_one_transaction(
    database_url: str, postgres_log: PostgresLog
) -> None:
    make_history(postgres_log)
    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        runner = Runner(Sessions, connection)
        runner.prepare(lambda _after, _limit: [])
        with psycopg.connect(database_url) as owner:  # the position cannot be written
            owner.execute(
                "create function public.refuse() returns trigger language plpgsql as "
                "$$ begin raise 'the disk is full'; end $$; create trigger refuse before update "
                "on read_models.tracking for each row execute function public.refuse()"
            )

        with pytest.raises(psycopg.errors.RaiseException):
            runner.apply_page(postgres_log.read(0, 1000))

        counted = connection.execute("select count(*) from read_models.sessions").fetchone()
        assert counted == (0,)


def test_the_audit_finds_no_violation_while_tables_are_replaced(
    postgres_log: PostgresLog, database_url: str
) -> None:
    make_history(postgres_log)
    over = Event()
    rebuilt = 0

    def rebuild() -> None:
        nonlocal rebuilt
        with connect(database_url, DatabaseRole.PROJECTOR) as connection:
            while not over.is_set():
                Runner(Sessions, connection).rebuild(postgres_log.read)
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
