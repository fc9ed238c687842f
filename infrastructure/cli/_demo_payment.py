"""One payment over the public API, from created to paid: till, wallet and checkout screen."""

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


BALANCE_TRIES: Final = 4
"""Each waits 5 s for the read model, which a slow machine builds after the first start."""


class PaymentFailed(Exception):
    """A step failed; the message has the step and the response."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


@dataclass(slots=True)
class DemoPayment:
    """The paid session, the merchant's balance, and how many milliseconds each step took."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)
    balance: str = ""
    """What the merchant can be paid, in the payment's currency."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one step."""
        started = time.perf_counter()
        yield
        self.steps.append((name, (time.perf_counter() - started) * 1000))


class Client:
    """A minimal HTTP client with one connection."""

    def __init__(self, base_url: str, key: str) -> None:
        self._connection = HTTPConnection(urlsplit(base_url).netloc, timeout=REQUEST_SECONDS)
        self._key = key

    async def post(self, path: str, body: dict[str, Any], *, idempotency_key: str = "") -> Any:
        """Send a request; returns the JSON of a 2xx response.

        Raises:
            PaymentFailed: any other status.
        """
        headers = {"Content-Type": "application/json"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        sent = json.dumps(body).encode()
        return await asyncio.to_thread(self._request, "POST", path, sent, headers)

    async def get(self, path: str) -> Any:
        """Read; returns the JSON of a 2xx response.

        Raises:
            PaymentFailed: any other status.
        """
        return await asyncio.to_thread(self._request, "GET", path, None, {})

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        headers["Authorization"] = f"Bearer {self._key}"
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        document = json.loads(response.read())
        if not 200 <= response.status < 300:  # noqa: PLR2004
            msg = f"{method} {path}: {response.status} {document.get('detail', document)}"
            raise PaymentFailed(msg, transient=document.get("transient", False))
        return document


async def make_payment(till: Client, wallet: Client, wallet_id: str, order_id: str) -> DemoPayment:
    """Create a session, listen, scan, pay, wait for the live message, and read the balance.

    Raises (checked in this order):
        PaymentFailed: a request was refused, or a live message took longer than 10 s.
        OSError: the servers cannot be reached.
    """
    payment = DemoPayment()
    with payment.step("till creates the session"):
        body = {"order_id": order_id, "amount": AMOUNT, "description": "2 coffees"}
        payment.session = await till.post("/v1/payment-sessions", body)
    async with connect(payment.session["live_url"], compression=None) as socket:
        with payment.step("screen connects, first snapshot"):
            await _receive(socket, "snapshot", "created")
        with payment.step("wallet scans, screen shows it"):
            scan = {"payload": payment.session["qr"]["payload"], "wallet_id": wallet_id}
            scanned = await wallet.post("/v1/scans", scan)
            await _receive(socket, "event", "scanned")
        with payment.step("wallet pays"):
            path = f"/v1/payment-sessions/{payment.session['id']}/pay"
            claim = scanned["claim"]["id"]
            pay = {"claim_id": claim, "wallet_id": wallet_id, "amount": AMOUNT}
            payment.session = await wallet.post(path, pay, idempotency_key=f"pay-{order_id}")
        with payment.step("screen turns green"):
            await _receive(socket, "event", "paid")
    with payment.step("merchant's balance shows it"):
        payment.balance = await _balance(till, payment.session)
    return payment


async def _balance(till: Client, session: dict[str, Any]) -> str:
    path = f"/v1/balance?at_least={session['position']}"
    for left in reversed(range(BALANCE_TRIES)):
        try:
            found = await till.get(path)
        except PaymentFailed as error:
            if not (error.transient and left):
                raise
        else:
            break
    currency = session["amount"]["currency"]
    [display] = [r["payable"]["display"] for r in found["data"] if r["currency"] == currency]
    return str(display)


async def _receive(socket: Any, kind: str, status: str) -> None:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            message = json.loads(await socket.recv())
    except TimeoutError:
        msg = f"no live message with status {status} within {REQUEST_SECONDS} s"
        raise PaymentFailed(msg) from None
    received = (message["type"], message["session"]["status"])
    if received != (kind, status):
        msg = f"the live message was {' '.join(received)} instead of {kind} {status}"
        raise PaymentFailed(msg)
