"""Thousands of screens, a hundred payments a second: how long from the log to the screen."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.installation import Installation
from benchmarks.load import Connection

PER_SESSION: Final = 2
PAYMENTS_PER_SECOND: Final = 100
MAKERS: Final = 16
PAYMENT_SECONDS_MAX: Final = 30
HANDSHAKE: Final = (
    "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
AMOUNT: Final = {"minor": 1, "currency": "USD"}


class Screen(asyncio.Protocol):
    """A socket that shakes hands and notes when it hears of a payment; no more."""

    def __init__(self, path: str, heard: list[tuple[str, float]]) -> None:
        self._path, self._heard = path, heard
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Shake hands."""
        transport.write(HANDSHAKE.format(path=self._path).encode())

    def data_received(self, data: bytes) -> None:
        """Note the time if it is about a payment."""
        if b'"type":"snapshot"' in data and not self.opened.done():
            self.opened.set_result(None)
        if b"payment_session.paid" in data:
            session = data.partition(b'"id":"')[2].partition(b'"')[0].decode()
            self._heard.append((session, time.time()))


async def screens(running: Installation, *, sockets: int, seconds: float) -> dict[str, Any]:
    """Open the sockets, pay at a steady rate; milliseconds from the log's time to the screen."""
    makers = [Connection(running.base_url) for _ in range(MAKERS)]
    merchant, wallet_key = running.facts["merchant_key"], running.facts["wallet_key"]
    wallet = (await makers[0].post("/v1/wallets", {"currency": "USD"}, wallet_key))["id"]
    top_up = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
    await makers[0].post(f"/v1/wallets/{wallet}/top-ups", top_up, wallet_key, str(uuid4()))
    sessions: list[dict[str, Any]] = []

    async def make(maker: Connection) -> None:
        while len(sessions) < sockets // PER_SESSION:
            body = {"order_id": str(uuid4()), "amount": AMOUNT, "expires_in_seconds": 86_400}
            sessions.append(await maker.post("/v1/payment-sessions", body, merchant))

    await asyncio.gather(*(make(maker) for maker in makers))
    before = running.memory_mib("notify")
    heard: list[tuple[str, float]] = []
    loop = asyncio.get_running_loop()
    dispatcher = asyncio.Semaphore(50)
    transports = []

    async def watch(url: str) -> None:
        parts = urlsplit(url)
        async with dispatcher:
            transport, screen = await loop.create_connection(
                lambda: Screen(f"{parts.path}?{parts.query}", heard),
                parts.hostname or "",
                parts.port or 0,
            )
            transports.append(transport)
            await asyncio.wait_for(screen.opened, 30)

    started = time.perf_counter()
    await asyncio.gather(*(watch(one["live_url"]) for one in sessions for _ in range(PER_SESSION)))
    opening = time.perf_counter() - started
    memory = running.memory_mib("notify") - before
    paid_at: dict[str, float] = {}

    async def pay(maker: Connection, session: dict[str, Any]) -> None:
        scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
        claim = (await maker.post("/v1/scans", scan, wallet_key))["claim"]["id"]
        body = {"claim_id": claim, "wallet_id": wallet, "amount": AMOUNT}
        path = f"/v1/payment-sessions/{session['id']}/pay"
        answer = await maker.post(path, body, wallet_key, str(uuid4()))
        paid_at[session["id"]] = datetime.fromisoformat(answer["server_time"]).timestamp()

    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def payer(maker: Connection) -> None:
        while (session := await queue.get()) is not None:
            async with asyncio.timeout(PAYMENT_SECONDS_MAX):
                await pay(maker, session)

    payers = [asyncio.create_task(payer(maker)) for maker in makers]
    count = min(len(sessions), int(seconds * PAYMENTS_PER_SECOND))
    for session in sessions[:count]:
        queue.put_nowait(session)
        await asyncio.sleep(1 / PAYMENTS_PER_SECOND)
    for _ in payers:
        queue.put_nowait(None)
    await asyncio.gather(*payers)
    await asyncio.sleep(1)
    for transport in transports:
        transport.abort()
    return {
        "latencies": [1000 * (at - paid_at[s]) for s, at in heard if s in paid_at],
        "expected": count * PER_SESSION,
        "sockets": len(transports),
        "opening_seconds": opening,
        "kib_per_socket": 1024 * memory / len(transports),
    }
