"""One payment walked from created to paid over the wire, as till, wallet and screen do it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import connect

REQUEST_SECONDS: Final = 10
AMOUNT: Final = {"minor": 12345, "currency": "USD"}


class WalkFailed(Exception):
    """A step did not go as it should; the text has the step and the answer."""


@dataclass(slots=True)
class Walk:
    """What was walked, and how long each step took, in milliseconds."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step."""
        started = time.perf_counter()
        yield
        self.steps.append((name, (time.perf_counter() - started) * 1000))


class Client:
    """A plain HTTP client on one connection: the demo needs no more."""

    def __init__(self, base_url: str, key: str) -> None:
        self._connection = HTTPConnection(urlsplit(base_url).netloc, timeout=REQUEST_SECONDS)
        self._key = key

    async def post(self, path: str, body: dict[str, Any], *, idempotency_key: str = "") -> Any:
        """Send a body; answers with the JSON of a 2xx.

        Raises:
            WalkFailed: any other status.
        """
        return await asyncio.to_thread(self._post, path, body, idempotency_key)

    def _post(self, path: str, body: dict[str, Any], idempotency_key: str) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        self._connection.request("POST", path, json.dumps(body).encode(), headers)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        if not 200 <= response.status < 300:  # noqa: PLR2004
            msg = f"POST {path}: {response.status} {answer.get('detail', answer)}"
            raise WalkFailed(msg)
        return answer


async def walk(till: Client, wallet: Client, wallet_id: str, order_id: str) -> Walk:
    """Create, listen, scan, pay, and wait for the push.

    Raises (checked in this order):
        WalkFailed: a call was refused, or the push did not come in 10 s.
        OSError: the servers cannot be reached.
    """
    told = Walk()
    with told.step("till creates the session"):
        body = {"order_id": order_id, "amount": AMOUNT, "description": "2 coffees"}
        told.session = await till.post("/v1/payment-sessions", body)
    async with connect(told.session["live_url"], compression=None) as socket:
        with told.step("screen listens, first snapshot"):
            await _receive(socket, "snapshot", "created")
        with told.step("wallet scans, screen shows it"):
            scan = {"payload": told.session["qr"]["payload"], "wallet_id": wallet_id}
            scanned = await wallet.post("/v1/scans", scan)
            await _receive(socket, "event", "scanned")
        with told.step("wallet pays"):
            path = f"/v1/payment-sessions/{told.session['id']}/pay"
            claim = scanned["claim"]["id"]
            pay = {"claim_id": claim, "wallet_id": wallet_id, "amount": AMOUNT}
            told.session = await wallet.post(path, pay, idempotency_key=f"pay-{order_id}")
        with told.step("screen turns green"):
            await _receive(socket, "event", "paid")
    return told


async def _receive(socket: Any, kind: str, status: str) -> None:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            told = json.loads(await socket.recv())
    except TimeoutError:
        msg = f"the live socket did not say {status} in {REQUEST_SECONDS} s"
        raise WalkFailed(msg) from None
    if (told["type"], told["session"]["status"]) != (kind, status):
        msg = f"the live socket said {told['type']} {told['session']['status']}, not {status}"
        raise WalkFailed(msg)
