"""A database that is read-only for a while: 503, nothing is stored, no loop halts."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.event_store.postgres_log import PostgresLog
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import USD_10, api_fixture
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import TestClock, read_only, rows

pytestmark = [pytest.mark.faults, pytest.mark.postgres]


def test_an_append_is_refused_and_nothing_is_stored(
    database_url: str, postgres_log: PostgresLog
) -> None:
    ledger = LedgerFixture(postgres_log)
    command = ledger.create("A-1")

    with read_only(database_url):
        wait_for(lambda: ledger.try_send(ledger.create()) == "overloaded")
        before = postgres_log.head()
        refused = ledger.try_send(command, key="k")
        read = postgres_log.read(0, 1000)
    wait_for(lambda: not isinstance(ledger.try_send(ledger.create()), str))
    created = ledger.send(command, key="k")
    of_session = "select count(*) from ledger.events where originator_id = %s"

    assert refused == "overloaded"
    assert read[-1].position == before
    assert not created.replayed
    assert rows(database_url, of_session, command.session_id) == [(1,)]


def test_creates_are_503_reads_work_and_the_same_key_works_afterwards(database_url: str) -> None:
    with api_fixture(database_url) as api:
        session = api.create_session()
        wait_for(lambda: api.client.get("/readyz").status_code == 200)  # the read models are built
        body = {"order_id": "A", "amount": USD_10}

        def create() -> Any:
            return api.call("merchant", "POST", "/v1/payment-sessions", body, key="k")

        with read_only(database_url):
            wait_for(lambda: _default(database_url) == "on")
            refused = create()
            path = f"/v1/payment-sessions/{session['id']}"
            reads = [api.call("merchant", "GET", p) for p in (path, "/v1/payment-sessions")]
        wait_for(lambda: _default(database_url) == "off")
        created, again = create(), create()

        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert "read-only" in refused.json()["detail"]
        assert refused.headers["Retry-After"]
        assert [read.status_code for read in reads] == [200, 200]
        assert (created.status_code, again.status_code) == (201, 201)
        assert again.headers["Idempotent-Replayed"] == "true"


def test_no_loop_halts_and_due_sessions_expire_afterwards(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = TestClock(database_url)
    with api_fixture(database_url) as api:
        session = api.create_session(expires_in_seconds=60)
        wait_for(lambda: rows(database_url, "select 1 from ledger.tasks"))
        at = api.services.log.now()
        with read_only(database_url):
            wait_for(lambda: _default(database_url) == "on")
            _jump(database_url, clock, at)
            wait_for(lambda: caplog.text.count("expiry tasks: ReadOnlySqlTransaction") >= 3)
        api_session = f"/v1/payment-sessions/{session['id']}/events"

        def topics() -> list[str]:
            rows_of = api.call("merchant", "GET", api_session).json()["data"]
            return [row["type"] for row in rows_of]

        wait_for(lambda: "payment_session.expired" in topics())
        wait_for(lambda: api.client.get("/readyz").status_code == 200)
        halted = rows(database_url, "select * from ledger.worker_loops where halted_since notnull")

    assert halted == []
    assert "halted" not in caplog.text


def _default(url: str) -> str:
    return str(rows(url, "show default_transaction_read_only")[0][0])


def _jump(url: str, clock: TestClock, at: Any) -> None:
    from datetime import timedelta  # noqa: PLC0415

    import psycopg  # noqa: PLC0415

    with psycopg.connect(url, options="-c default_transaction_read_only=off") as connection:
        connection.execute("delete from ledger.test_clock")
        connection.execute("insert into ledger.test_clock values (%s)", (at + timedelta(hours=1),))
