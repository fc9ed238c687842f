"""A small HTTP client: light, as it loads a server on the same machine."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

_LENGTH = b"content-length: "


class _Wire(asyncio.Protocol):
    """One answer at a time, whole."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[tuple[bytes, bytes]] | None = None
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Wait for the whole answer: its head, then as many bytes as it says."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and self.answer is not None:
            length = int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0])
            if len(body) >= length:
                self._received = b""
                self.answer.set_result((head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits for what will not come."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(exc or ConnectionResetError())


class Connection:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._open: tuple[asyncio.Transport, _Wire] | None = None

    async def post(self, path: str, body: Any, key: str, idempotency: str = "") -> Any:
        """Send JSON, answer with JSON; anything but a 2xx is a mistake of the benchmark."""
        loop = asyncio.get_running_loop()
        if self._open is None or self._open[0].is_closing():  # the server waits for 5 s only
            self._open = await loop.create_connection(_Wire, self._host, self._port)
        transport, wire = self._open
        data = msgspec.json.encode(body)
        extra = f"Idempotency-Key: {idempotency}\r\n" if idempotency else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{extra}"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        wire.answer = loop.create_future()
        transport.write(head.encode() + data)
        answer, content = await wire.answer
        if answer[9:10] != b"2":
            raise RuntimeError(content)
        return msgspec.json.decode(content)

    def close(self) -> None:
        """Close the connection."""
        if self._open:
            self._open[0].close()


async def flows(
    url: str,
    facts: dict[str, str],
    *,
    connections: int,
    seconds: float,
    per_second: float = 0,
    one_wallet: bool = False,
) -> tuple[int, dict[str, list[float]]]:
    """Create, scan and pay on each connection until time is up; a refusal is a mistake.

    Args:
        url: the API.
        facts: `merchant_key` and `wallet_key`.
        connections: flows in flight.
        seconds: how long.
        per_second: flows begun a second over all connections; 0 for as many as will go.
        one_wallet: one wallet pays everything.

    Answers with the number of whole flows, and the seconds of each step.
    """
    took: dict[str, list[float]] = {"create": [], "scan": [], "pay": []}
    amount = {"minor": 1, "currency": "USD"}
    wallet_key = facts["wallet_key"]

    async def open_wallet(connection: Connection) -> str:
        wallet = await connection.post("/v1/wallets", {"currency": "USD"}, wallet_key)
        top_up = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
        path = f"/v1/wallets/{wallet['id']}/top-ups"
        await connection.post(path, top_up, wallet_key, str(uuid4()))
        return str(wallet["id"])

    links = [Connection(url) for _ in range(connections)]
    shared = await open_wallet(links[0])
    wallets = [shared if one_wallet else await open_wallet(link) for link in links]
    until = time.perf_counter() + seconds

    async def one(connection: Connection, wallet: str, number: int) -> int:
        done = 0
        pause = connections / per_second if per_second else 0.0
        begin = time.perf_counter() + pause * number / connections
        while time.perf_counter() < until:
            if pause:
                await asyncio.sleep(max(0.0, begin - time.perf_counter()))
                begin += pause
            started = time.perf_counter()
            body = {"order_id": str(uuid4()), "amount": amount}
            session = await connection.post("/v1/payment-sessions", body, facts["merchant_key"])
            created = time.perf_counter()
            scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
            claim = (await connection.post("/v1/scans", scan, wallet_key))["claim"]["id"]
            scanned = time.perf_counter()
            pay = {"claim_id": claim, "wallet_id": wallet, "amount": amount}
            path = f"/v1/payment-sessions/{session['id']}/pay"
            await connection.post(path, pay, wallet_key, str(uuid4()))
            took["create"].append(created - started)
            took["scan"].append(scanned - created)
            took["pay"].append(time.perf_counter() - scanned)
            done += 1
        connection.close()
        return done

    lives = zip(links, wallets, range(connections), strict=True)
    done = await asyncio.gather(*(one(*life) for life in lives))
    return sum(done), took


async def posts(url: str, *, connections: int, seconds: float) -> int:
    """Post a small body over and over; answers with how many were answered."""
    until = time.perf_counter() + seconds

    async def one() -> int:
        connection, done = Connection(url), 0
        while time.perf_counter() < until:
            body = {"order_id": "x", "amount": {"minor": 1, "currency": "USD"}}
            await connection.post("/", body, "none")
            done += 1
        connection.close()
        return done

    return sum(await asyncio.gather(*(one() for _ in range(connections))))


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of the values lies, in the values' unit."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
