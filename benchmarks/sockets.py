"""Latency from commit to checkout screen: thousands of sockets, 100 payments per second."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.cpu import Turn, costs
from benchmarks.flows import AMOUNT
from benchmarks.installation import Installation
from benchmarks.limits import SOCKETS, STEADY_SECONDS
from benchmarks.load import Connection
from benchmarks.table import Table, milliseconds

PER_SESSION: Final = 2
PAYMENTS_PER_SECOND: Final = 100
CLIENTS: Final = 16
PAYMENT_SECONDS_MAX: Final = 30
HANDSHAKE: Final = (
    "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
COMMANDS_PER_PAYMENT: Final = 2
"""A scan and a payment; the sessions are created before."""


def measure_screens(running: Installation, table: Table) -> None:
    """Latency from commit to thousands of checkout screens."""
    figures = asyncio.run(screens(running, sockets=SOCKETS, seconds=STEADY_SECONDS))
    took = figures["latencies"]
    table.row(
        f"commit to socket, {SOCKETS:,} sockets, {PAYMENTS_PER_SECOND} payments/s, p50 / p99",
        milliseconds(took), costs([figures["cpu"]]),
    )  # fmt: skip
    table.row("live messages received of those expected", f"{len(took)} of {figures['expected']}")
    table.row("memory per socket", f"{figures['kib_per_socket']:.0f} KiB")


class Screen(asyncio.Protocol):
    """A WebSocket that only records when it receives a payment event."""

    def __init__(self, path: str, received: list[tuple[str, float]]) -> None:
        self._path, self._received = path, received
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Send the WebSocket handshake."""
        transport.write(HANDSHAKE.format(path=self._path).encode())

    def data_received(self, data: bytes) -> None:
        """Record session and time of a payment event."""
        if b'"type":"snapshot"' in data and not self.opened.done():
            self.opened.set_result(None)
        if b"payment_session.paid" in data:
            session = data.partition(b'"id":"')[2].partition(b'"')[0].decode()
            self._received.append((session, time.time()))


async def screens(running: Installation, *, sockets: int, seconds: float) -> dict[str, Any]:
    """Open the sockets and pay at a steady rate; latencies in s from recorded time to receipt."""
    clients = [Connection(running.base_url) for _ in range(CLIENTS)]
    merchant, wallet_key = running.keys["merchant_key"], running.keys["wallet_key"]
    wallet = (await clients[0].post("/v1/wallets", {"currency": "USD"}, wallet_key))["id"]
    top_up = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
    await clients[0].post(f"/v1/wallets/{wallet}/top-ups", top_up, wallet_key, str(uuid4()))
    sessions: list[dict[str, Any]] = []

    async def create(client: Connection) -> None:
        while len(sessions) < sockets // PER_SESSION:
            body = {"order_id": str(uuid4()), "amount": AMOUNT, "expires_in_seconds": 86_400}
            sessions.append(await client.post("/v1/payment-sessions", body, merchant))

    await asyncio.gather(*(create(client) for client in clients))
    before = running.memory_mib("notify")
    received: list[tuple[str, float]] = []
    loop = asyncio.get_running_loop()
    connecting = asyncio.Semaphore(50)
    transports = []

    async def watch(url: str) -> None:
        parts = urlsplit(url)
        async with connecting:
            transport, screen = await loop.create_connection(
                lambda: Screen(f"{parts.path}?{parts.query}", received),
                parts.hostname or "",
                parts.port or 0,
            )
            transports.append(transport)
            await asyncio.wait_for(screen.opened, 30)

    await asyncio.gather(
        *(watch(session["live_url"]) for session in sessions for _ in range(PER_SESSION))
    )
    memory = running.memory_mib("notify") - before
    paid_at: dict[str, float] = {}

    async def pay(client: Connection, session: dict[str, Any]) -> None:
        scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
        claim = (await client.post("/v1/scans", scan, wallet_key))["claim"]["id"]
        body = {"claim_id": claim, "wallet_id": wallet, "amount": AMOUNT}
        path = f"/v1/payment-sessions/{session['id']}/pay"
        paid = await client.post(path, body, wallet_key, str(uuid4()))
        paid_at[session["id"]] = datetime.fromisoformat(paid["server_time"]).timestamp()

    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def payer(client: Connection) -> None:
        while (session := await queue.get()) is not None:
            async with asyncio.timeout(PAYMENT_SECONDS_MAX):
                await pay(client, session)

    payers = [asyncio.create_task(payer(client)) for client in clients]
    count = min(len(sessions), int(seconds * PAYMENTS_PER_SECOND))
    meter, paying = running.meter(os.getpid()), time.perf_counter()
    for session in sessions[:count]:
        queue.put_nowait(session)
        await asyncio.sleep(1 / PAYMENTS_PER_SECOND)
    for _ in payers:
        queue.put_nowait(None)
    await asyncio.gather(*payers)
    took = time.perf_counter() - paying
    await asyncio.sleep(1)
    cpu = meter.seconds()
    for transport in transports:
        transport.abort()
    return {
        "latencies": [at - paid_at[s] for s, at in received if s in paid_at],
        "cpu": Turn(COMMANDS_PER_PAYMENT * count, took, cpu),
        "expected": count * PER_SESSION,
        "kib_per_socket": 1024 * memory / len(transports),
    }
