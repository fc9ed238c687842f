"""Limits and outages as callers see them: 429, 503, duplicate requests, trusted proxies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from api import command_dispatcher
from api.command_dispatcher import CommandDispatcher
from api.context import ApiConfig
from api.http.authentication import client_address, is_local
from api.http.messages import HttpRequest
from api.http.rate_limit import RateLimit
from application.command import Outcome
from application.errors import IdempotencyInProgress, Overloaded
from application.writer import Writer
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.migrate import migrate
from tests.application.test_writer import Gate
from tests.support.api_fixture import USD_10, api_fixture
from tests.support.ledger_fixture import LedgerFixture, envelope

pytestmark = pytest.mark.postgres
SECRET = b"s" * 32


def test_a_caller_over_the_rate_limit_gets_429_with_retry_after(
    make_ledger: Callable[[], str],
) -> None:
    url = make_ledger()
    with api_fixture(url, projections=False, rate_limit=5) as api:
        path = f"/v1/wallets/wal_{'0' * 26}"
        codes = [api.call("wallet", "GET", path).status_code for _ in range(8)]
        refused = api.call("wallet", "GET", path)
        other = api.call("other_wallet", "GET", path)
        wrong = [api.call("qrl_bad", "GET", path).status_code for _ in range(8)]

        assert codes[:5] == [404] * 5
        assert 429 in codes
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
        assert refused.headers["Retry-After"] == "1"
        assert other.status_code == 404
        assert wrong[0] == 401
        assert 429 in wrong
        assert {api.client.get("/healthz").status_code for _ in range(20)} == {200}


def test_a_bucket_refills_and_the_number_of_buckets_is_limited() -> None:
    limit = RateLimit(2)

    assert [limit.allows("a", 0.0) for _ in range(3)] == [True, True, False]
    assert [limit.allows("a", 0.5) for _ in range(2)] == [True, False]
    assert all(limit.allows(str(n), 1.0) for n in range(10_500))
    assert len(limit._buckets) == 10_000
    assert all(RateLimit(0).allows("a", 0.0) for _ in range(1000))


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path_factory.mktemp("own"))
    yield server
    server.stop()


def test_the_api_returns_503_while_the_database_is_unavailable_and_recovers(
    own_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = own_server.start()
    migrate(url, mode="test", token_secret=SECRET)
    with api_fixture(url) as api:
        api.create_session()
        own_server.stop()
        body = {"order_id": "A", "amount": USD_10}
        create = partial(api.call, "merchant", "POST", "/v1/payment-sessions", body, key="k")
        for response in (
            create(),
            api.call("merchant", "GET", "/v1/payment-sessions"),
            api.call("wallet", "GET", f"/v1/wallets/wal_{'0' * 26}"),
        ):
            assert (response.status_code, response.json()["code"]) == (503, "overloaded")
            assert response.headers["Retry-After"]
            assert response.json()["transient"]
        assert api.client.get("/readyz").json()["code"] == "not-ready"
        assert api.client.get("/healthz").status_code == 200

        port = urlsplit(url).port
        monkeypatch.setattr("infrastructure.postgres.server_process.free_port", lambda: port)
        own_server.start()

        assert _soon(lambda: create().status_code == 201)
        problem = api.call("merchant", "POST", "/v1/payment-sessions", body).json()
        assert problem["code"] == "order-open"
        ready = partial(api.client.get, "/readyz")
        assert _soon(lambda: ready().status_code == 200)
        query = "/v1/payment-sessions?order_id=A"
        assert _soon(lambda: len(api.call("merchant", "GET", query).json()["data"]) == 1)


def _soon(condition: Callable[[], bool], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_duplicate_request_waits_for_the_first_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command_dispatcher, "DUPLICATE_SECONDS", 0.1)

    async def scenario() -> None:
        ledger = LedgerFixture(log := Gate())
        dispatcher = CommandDispatcher(lambda deliver: Writer(ledger.bus, deliver=deliver))
        await dispatcher.open()
        log.open.clear()
        first = asyncio.create_task(dispatcher.send(envelope(ledger.create("A"), "k", "b")))
        await asyncio.sleep(0)
        with pytest.raises(IdempotencyInProgress):
            await dispatcher.send(envelope(ledger.create("A"), "k", "b"))
        patient = asyncio.create_task(dispatcher.send(envelope(ledger.create("A"), "k", "b")))
        await asyncio.sleep(0)
        log.open.set()
        outcomes = [await first, await patient]
        await dispatcher.close()
        assert [outcome.replayed for outcome in outcomes] == [False, True]
        assert len({outcome.position for outcome in outcomes}) == 1

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_a_request_waits_for_its_result_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_dispatcher, "RESULT_SECONDS", 0.1)

    async def scenario() -> None:
        ledger = LedgerFixture(log := Gate())
        dispatcher = CommandDispatcher(lambda deliver: Writer(ledger.bus, deliver=deliver))
        with pytest.raises(Overloaded, match="starting"):
            await dispatcher.send(envelope(ledger.create()))
        await dispatcher.open()
        log.open.clear()
        with pytest.raises(Overloaded, match="in time"):
            await dispatcher.send(envelope(ledger.create("A"), "k", "b"))
        log.open.set()
        again = await dispatcher.send(envelope(ledger.create("A"), "k", "b"))
        await dispatcher.close()
        assert isinstance(again, Outcome)
        assert again.replayed

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_an_internal_error_is_returned_without_details(
    make_ledger: Callable[[], str], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    url = make_ledger()
    with api_fixture(url, projections=False) as api:
        session = api.create_session()

        def broken(*_: object, **__: object) -> None:
            raise KeyError("inner-secret")

        monkeypatch.setattr(api.services.log, "stream", broken)
        response = api.call("merchant", "GET", f"/v1/payment-sessions/{session['id']}/events")

    assert (response.status_code, response.json()["code"]) == (500, "internal-error")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in response.text
    assert "inner-secret" in caplog.text


CONFIG = ApiConfig(
    public_url="http://127.0.0.1:8080",
    live_public_url="ws://127.0.0.1:8081",
    mode="test",
    claim_seconds=90,
    rate_limit=0,
    trusted_proxies=("10.0.0.1", "10.0.0.2"),
)


def make_request(peer: str, *forwarded: str) -> HttpRequest:
    scope: Any = {
        "client": (peer, 1234),
        "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded],
    }
    return HttpRequest(scope, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address", "local"),
    [
        ("127.0.0.1", None, "127.0.0.1", True),
        ("::1", None, "::1", True),
        ("203.0.113.9", None, "203.0.113.9", False),
        ("203.0.113.9", "127.0.0.1", "203.0.113.9", False),
        ("10.0.0.1", "127.0.0.1, 203.0.113.9", "203.0.113.9", False),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9", False),
        ("10.0.0.1", "nonsense", "nonsense", False),
    ],
)
def test_forwarded_addresses_count_only_from_trusted_proxies(
    peer: str, forwarded: str | None, address: str, local: bool
) -> None:
    request = make_request(peer, *([forwarded] if forwarded else []))

    assert client_address(request, CONFIG) == address
    assert is_local(request, CONFIG) is local


def test_a_client_behind_an_untrusted_proxy_is_not_local() -> None:
    request = make_request("127.0.0.1", "203.0.113.9")

    assert not is_local(request, replace(CONFIG, trusted_proxies=()))


def test_repeated_forwarded_headers_are_one_list() -> None:
    request = make_request("10.0.0.1", "203.0.113.9", "10.0.0.2")

    assert client_address(request, CONFIG) == "203.0.113.9"


def test_page_tokens_expire_by_the_ledgers_clock(make_ledger: Callable[[], str]) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    from tests.support.postgres import TestClock  # noqa: PLC0415

    url = make_ledger()
    clock = TestClock(url)
    clock.set(start := datetime(2050, 1, 1, tzinfo=UTC))
    with api_fixture(url, projections=False) as api:
        wallet = api.open_wallet(0)
        token = api.call("wallet", "POST", f"/v1/wallets/{wallet}/tokens").json()["token"]
        assert api.call(token, "GET", f"/v1/wallets/{wallet}").status_code == 200
        clock.advance(start, 901)
        api.call("wallet", "GET", f"/v1/wallets/{wallet}")  # the process learns the time
        assert api.call(token, "GET", f"/v1/wallets/{wallet}").status_code == 401
