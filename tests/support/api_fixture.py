"""A running ledger with two merchants, two wallet apps, an auditor and an operator, over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from httpx import Client, Response
from litestar.testing import TestClient
from msgspec.structs import replace

from api.context import Services
from application.bus import Bus
from domain.merchants.api_key import Role
from infrastructure.accounts import AccountAdmin
from infrastructure.bootstrap.api_process import make_api
from infrastructure.bootstrap.notifier import notifying
from infrastructure.bootstrap.worker import working
from infrastructure.database import make_push_key, make_qr_keys
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.settings import Settings
from projections._read_model import all_models
from tests.support.postgres import rows

USD_10 = {"minor": 1000, "currency": "USD"}


class ApiFixture:
    """Merchants, apps and keys by name, and the requests of tests."""

    def __init__(
        self, client: Client, admin: AccountAdmin, settings: Settings, services: Services
    ) -> None:
        self.services = services
        self.url = ""
        """The URL of the database, for tests that set its clock."""
        self.client = client
        self.admin = admin
        self.settings = settings
        self.merchants = [admin.register_merchant(n, ("shop.example",)) for n in ("Cafe", "Shop")]
        self.apps = [admin.register_app(name) for name in ("One", "Two")]
        self.keys = {
            "merchant": admin.issue_key(Role.MERCHANT, self.merchants[0]).text,
            "other_merchant": admin.issue_key(Role.MERCHANT, self.merchants[1]).text,
            "wallet": admin.issue_key(Role.WALLET, self.apps[0]).text,
            "other_wallet": admin.issue_key(Role.WALLET, self.apps[1]).text,
            "auditor": admin.issue_key(Role.AUDITOR).text,
            "operator": admin.issue_key(Role.OPERATOR).text,
        }

    def call(
        self,
        who: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        **headers: str,
    ) -> Response:
        """Send a request; `who` is a name in `keys`, a key or token, or empty."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if who:
            sent["Authorization"] = f"Bearer {self.keys.get(who, who)}"
        if key:
            sent["Idempotency-Key"] = key
        content = None
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.request(method, path, content=content, headers=sent)

    def create_session(self, who: str = "merchant", **facts: Any) -> dict[str, Any]:
        body = {"order_id": str(uuid4()), "amount": USD_10, **facts}
        response = self.call(who, "POST", "/v1/payment-sessions", body)
        assert response.status_code == 201, response.text
        session: dict[str, Any] = response.json()
        return session

    def open_wallet(self, minor: int = 100_000, who: str = "wallet", currency: str = "USD") -> str:
        wallet = self.call(who, "POST", "/v1/wallets", {"currency": currency}).json()
        if minor:
            amount = {"minor": minor, "currency": currency}
            path = f"/v1/wallets/{wallet['id']}/top-ups"
            response = self.call(
                "operator", "POST", path, {"amount": amount, "reference": "r"}, key=str(uuid4())
            )
            assert response.status_code == 201, response.text
        return str(wallet["id"])

    def scan(self, session: dict[str, Any], wallet: str, who: str = "wallet") -> Response:
        body = {"payload": session["qr"]["payload"], "wallet_id": wallet}
        return self.call(who, "POST", "/v1/scans", body)

    def pay(
        self,
        session: dict[str, Any],
        wallet: str,
        claim: str,
        who: str = "wallet",
        key: str = "",
        **facts: Any,
    ) -> Response:
        body = {"claim_id": claim, "wallet_id": wallet, "amount": USD_10, **facts}
        path = f"/v1/payment-sessions/{session['id']}/pay"
        return self.call(who, "POST", path, body, key=key or str(uuid4()))

    def create_paid_session(self) -> tuple[dict[str, Any], str]:
        session, wallet = self.create_session(), self.open_wallet()
        claim = self.scan(session, wallet).json()["claim"]["id"]
        paid = self.pay(session, wallet, claim)
        assert paid.status_code == 200, paid.text
        return paid.json(), wallet

    def position(self) -> int:
        return self.services.log.head()


BUILT_SECONDS_MAX = 60
WORKER_PORTS = 500
"""Ports of one process of pytest, so that two of them never choose the same one."""
_chosen: deque[int] = deque(maxlen=100)
"""The latest ports, which may not be in use yet."""


def free_port() -> int:
    """A free port of 127.0.0.1, below the range of ephemeral ports; never one of the latest."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
    first = 15_000 + worker * WORKER_PORTS
    for port in random.sample(range(first, first + WORKER_PORTS), WORKER_PORTS):
        if port not in _chosen:
            with socket.socket() as probe, suppress(OSError):
                probe.bind(("127.0.0.1", port))
                _chosen.append(port)
                return port
    pytest.fail("no free port")


@contextmanager
def _settings(facts: dict[str, Any]) -> Iterator[Settings]:
    """Settings with a home of their own, and signing keys in it unless they name a file."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as home:
        settings = Settings(**{"rate_limit": 0, "home": home, **facts})
        if not settings.qr_keys:
            settings = replace(settings, qr_keys=f"{home}/qr-keys.json")
            make_qr_keys(settings)
        make_push_key(settings)
        yield settings


@contextmanager
def served_api(url: str, **facts: Any) -> Iterator[ApiFixture]:
    """The API, the notifier and the workers, on ports of their own."""
    ports = {"port": free_port(), "live_port": free_port()}
    with _settings({**ports, **facts}) as settings, _serving(settings, url) as api:
        yield api


@contextmanager
def _serving(settings: Settings, url: str) -> Iterator[ApiFixture]:
    process = make_api(settings, url)
    log = make_log(url, DatabaseRole.WRITER, size_max=2)
    admin = AccountAdmin(log, Bus(log), settings.mode)
    ready, stop = Event(), Event()

    async def serve() -> None:
        async with process.running(), notifying(settings, url):
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        with (
            working(url, settings),
            Client(base_url=settings.public_origin, timeout=30) as client,
        ):
            _wait_until_built(url)
            api = ApiFixture(client, admin, settings, process.services)
            api.url = url
            yield api
    finally:
        stop.set()
        thread.join(20)
        log.close()


@contextmanager
def api_fixture(url: str, *, projections: bool = True, **facts: Any) -> Iterator[ApiFixture]:
    """The API on a migrated database, with the workers for projections and expiry."""
    ports = {"port": 18080, "live_port": 18081}
    with (
        _settings({**ports, **facts}) as settings,
        _in_process(settings, url, projections=projections) as api,
    ):
        yield api


@contextmanager
def _in_process(settings: Settings, url: str, *, projections: bool) -> Iterator[ApiFixture]:
    process = make_api(settings, url)
    log = make_log(url, DatabaseRole.WRITER, size_max=2)
    admin = AccountAdmin(log, Bus(log), settings.mode)
    with TestClient(process.app, raise_server_exceptions=False) as client:
        if projections:
            with working(url, settings):
                _wait_until_built(url)
                yield ApiFixture(client, admin, settings, process.services)
        else:
            yield ApiFixture(client, admin, settings, process.services)
    log.close()


def _wait_until_built(url: str) -> None:
    """Wait until every read model is there: the lists of one that is not answer 503."""
    names = {model.name for model in all_models()}
    query = "select name from read_models.tracking"
    until = time.monotonic() + BUILT_SECONDS_MAX
    while time.monotonic() < until:
        with suppress(psycopg.errors.UndefinedTable):
            if {name for (name,) in rows(url, query)} >= names:
                return
        time.sleep(0.01)
    pytest.fail("no read models")
