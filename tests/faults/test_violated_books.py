"""Broken invariants of the books: the money read models halt there, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain.money.money import Money
from infrastructure import audit
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.workers import leadership, supervisor
from projections._postings import BooksViolated
from projections._read_model import ReadModel
from projections._runner import Runner
from projections.balances import Balances
from projections.journal import Journal
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import api_fixture
from tests.support.books_fixture import BooksFixture, steal
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import rows
from tests.support.read_models import apply_all, reader

pytestmark = [pytest.mark.faults, pytest.mark.postgres]


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    """The connections of a worker's read models."""
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=2)
    yield pool
    pool.close()


@pytest.mark.unaudited
def test_a_violation_halts_the_money_read_models_alone_and_names_the_position(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "HALT_SECONDS_MIN", 0.2)
    monkeypatch.setattr(leadership, "ELECTION_SECONDS", 0.1)
    log = PostgresLog(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=2))
    with api_fixture(database_url) as api:
        wait_for(lambda: api.client.get("/readyz").status_code == 200)
        settled = LedgerFixture(log).send(steal(api.merchants[0], 500)).position
        halted = "select name, reason from ledger.worker_loops where reason notnull order by name"
        wait_for(lambda: len(rows(database_url, halted)) == 2)
        _, wallet = api.create_paid_session()
        path = f"/v1/wallets/{wallet}/payments?at_least={api.position()}"
        payments = api.call("wallet", "GET", path)
        listed = api.call("merchant", "GET", f"/v1/payment-sessions?at_least={api.position()}")
        detail = api.client.get("/readyz").json()["detail"]
        found = rows(database_url, halted)
    log.close()

    reason = f"BooksViolated at position {settled}"
    assert found == [("balances", reason), ("journal", reason)]
    assert "balances" in detail
    assert "journal" in detail
    assert payments.status_code == listed.status_code == 200
    assert len(payments.json()["data"]) == len(listed.json()["data"]) == 1


@pytest.mark.unaudited
@pytest.mark.parametrize("model", [Balances, Journal], ids=lambda model: model.name)
def test_money_read_models_stop_at_the_first_violation_of_a_page(
    postgres_log: PostgresLog, pool: ConnectionPool, model: type[ReadModel]
) -> None:
    ledger = LedgerFixture(postgres_log)
    runner = Runner(model, pool.connection)
    before = runner.prepare(reader(runner, postgres_log))
    settled = ledger.send(steal(ledger.merchant, 500)).position
    ledger.open_wallet(1000)  # the bank is not below zero at the end

    with pytest.raises(BooksViolated, match=f"bank.*-500.* at position {settled}$"):
        apply_all(runner, postgres_log)

    assert runner.prepare(reader(runner, postgres_log)) == before


@pytest.mark.unaudited
@pytest.mark.parametrize("table", ["balances", "journal"])
def test_the_audit_finds_a_changed_row_of_the_books(
    database_url: str, postgres_log: PostgresLog, pool: ConnectionPool, table: str
) -> None:
    ledger = LedgerFixture(postgres_log)
    books = BooksFixture(ledger)
    session = books.paid_session(ledger.open_wallet(), Money(1000, "USD"))
    ledger.send(books.refund(session, Money(300, "USD")))
    for model in (Balances, Journal):
        apply_all(Runner(model, pool.connection), postgres_log)
    assert audit.check(database_url, postgres_log).violations == []

    statement = f"update read_models.{table} set balance_minor = balance_minor + 1"
    rows(database_url, f"{statement} where account ~ ':payable$'", fetch=False)

    found = {one.invariant for one in audit.check(database_url, postgres_log).violations}
    assert found == {"rows-equal-the-fold"}
