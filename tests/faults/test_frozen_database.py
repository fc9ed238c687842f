"""PostgreSQL is frozen (SIGSTOP): every wait has a limit, and everything recovers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from api import blocking, command_dispatcher
from api.http import authentication
from infrastructure.bootstrap import api_process
from infrastructure.event_store import recorder
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres import connections as pools
from infrastructure.postgres import deadline
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole, connect
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.migrate import migrate
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import USD_10, ApiFixture, served_api
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import frozen

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
LIMIT_SECONDS = 0.5
PATIENCE_SECONDS = 15.0
"""A generous limit: an unbounded wait exceeds any."""
CALLERS = 24
"""More than the threads and connections."""


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path_factory.mktemp("own"))
    yield server
    server.stop()


@pytest.fixture
def own_url(own_server: EmbeddedServer) -> str:
    url = own_server.start()
    migrate(url, mode="test", token_secret=b"s" * 32)
    return url


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (blocking, api_process):
        monkeypatch.setattr(module, "READ_SECONDS", LIMIT_SECONDS)
        monkeypatch.setattr(module, "READY_SECONDS", LIMIT_SECONDS)
    monkeypatch.setattr(command_dispatcher, "RESULT_SECONDS", 2 * LIMIT_SECONDS)
    monkeypatch.setattr(recorder, "APPEND_SECONDS", 2 * LIMIT_SECONDS)
    monkeypatch.setattr(pools, "CONNECT_SECONDS", pools.CONNECT_SECONDS_MIN)


def pid(server: EmbeddedServer) -> int:
    assert server.pid is not None
    return server.pid


@pytest.mark.timeout(30)
@pytest.mark.parametrize("database_role", [DatabaseRole.WRITER, DatabaseRole.PROJECTOR])
def test_a_silent_connection_is_shut_down_at_its_deadline(
    own_server: EmbeddedServer, own_url: str, database_role: DatabaseRole
) -> None:
    with (
        connect(own_url, database_role) as connection,
        frozen(pid(own_server)),
        pytest.raises(psycopg.OperationalError),
        deadline.limit(connection, LIMIT_SECONDS),
    ):
        connection.execute("select 1")

    assert not deadline._deadlines


def test_blocking_calls_of_libpq_end_at_the_deadline(
    own_server: EmbeddedServer, own_url: str
) -> None:
    pool = ConnectionPool(own_url, DatabaseRole.WRITER, size_max=1, limit_seconds=LIMIT_SECONDS)
    log = PostgresLog(pool)
    ledger = LedgerFixture(log)
    session = ledger.create_session()

    with frozen(pid(own_server)), pytest.raises(Exception, match="unavailable or busy"):
        log.load({session: 0}, [])

    assert (pool._in_use, pool._idle) == (0, [])
    assert wait_for(lambda: log.load({session: 0}, []).events)
    log.close()


def test_a_connection_within_its_deadline_is_not_shut_down(own_url: str) -> None:
    with (
        connect(own_url, DatabaseRole.READER) as connection,
        deadline.limit(connection, 0.4) as renew,
    ):
        for _ in range(3):
            connection.execute("select pg_sleep(0.2)")
            renew()

        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("remembered", [False, True], ids=["keys looked up", "keys remembered"])
def test_every_response_is_503_in_time_and_everything_works_afterwards(
    own_server: EmbeddedServer,
    own_url: str,
    short_limits: None,
    monkeypatch: pytest.MonkeyPatch,
    remembered: bool,
) -> None:
    monkeypatch.setattr(authentication, "CACHE_SECONDS", 3600.0 if remembered else 0.0)
    with served_api(own_url) as api:
        session, wallet = api.create_session(), api.open_wallet()
        api.client.timeout = httpx.Timeout(PATIENCE_SECONDS)
        body = {"order_id": "A", "amount": USD_10}
        create = partial(api.call, "merchant", "POST", "/v1/payment-sessions", body, key="k")
        requests = [
            partial(api.call, "wallet", "GET", f"/v1/wallets/{wallet}"),
            partial(api.call, "wallet", "GET", f"/v1/wallets/{wallet}/payments"),
            partial(api.call, "merchant", "GET", f"/v1/payment-sessions/{session['id']}"),
            partial(api.call, "merchant", "GET", f"/v1/payment-sessions/{session['id']}/events"),
            partial(api.call, "merchant", "GET", "/v1/payment-sessions"),
            partial(api.call, "auditor", "GET", "/v1/events"),
            create,
        ]
        before = [send().status_code for send in requests[:-1]]
        live = f"http://127.0.0.1:{api.settings.live_port}/healthz"

        with frozen(pid(own_server)), ThreadPoolExecutor(CALLERS) as callers:
            responses = [
                future.result()
                for future in [callers.submit(requests[n % len(requests)]) for n in range(CALLERS)]
            ]
            ready = api.client.get("/readyz")
            alive = [api.client.get("/healthz").status_code, httpx.get(live).status_code]
            figures = api.client.get("/metrics").status_code
            wait_for(lambda: _nothing_is_held(api))
        started = time.monotonic()
        wait_for(lambda: all(send().is_success for send in requests))
        wait_for(lambda: api.client.get("/readyz").status_code == 200)

        assert before == [200] * 6
        assert {(r.status_code, r.json()["code"]) for r in responses} == {(503, "overloaded")}
        assert (ready.status_code, ready.json()["code"]) == (503, "not-ready")
        assert alive == [200, 200]
        assert figures == 200
        assert time.monotonic() - started < PATIENCE_SECONDS
        again = api.call("merchant", "POST", "/v1/payment-sessions", body, key=str(uuid4()))
        assert (
            again.json()["code"] == "order-open"
        )  # the first request was stored once, under its key


def _nothing_is_held(api: ApiFixture) -> bool:
    """No reader's thread or connection is blocked any more, although the database is."""
    services: Any = api.services
    reads = services.read_models._connect.__self__._pool
    probes = services.health._connections._pool
    in_use = [pool._in_use for pool in (services.log._pool, reads, probes)]
    return blocking._readers._work_queue.empty() and in_use == [0, 0, 0]
