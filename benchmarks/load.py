"""A minimal HTTP client: it shares the processor with the server it measures."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

_LENGTH = b"content-length: "


class _HttpProtocol(asyncio.Protocol):
    """Receives one whole response at a time."""

    def __init__(self) -> None:
        self.response: asyncio.Future[tuple[bytes, bytes]] | None = None
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Complete the response once its head and `Content-Length` bytes have arrived."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if separator and self.response is not None:
            length = int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0])
            if len(body) >= length:
                self._received = b""
                self.response.set_result((head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request that is waiting for a response."""
        if self.response is not None and not self.response.done():
            self.response.set_exception(exc or ConnectionResetError())


class Connection:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._open: tuple[asyncio.Transport, _HttpProtocol] | None = None

    async def post(self, path: str, body: Any, key: str, idempotency: str = "") -> Any:
        """Post JSON, return the decoded response. Raises RuntimeError unless the status is 2xx."""
        loop = asyncio.get_running_loop()
        if self._open is None or self._open[0].is_closing():  # closed by the server when idle
            self._open = await loop.create_connection(_HttpProtocol, self._host, self._port)
        transport, protocol = self._open
        data = msgspec.json.encode(body)
        extra = f"Idempotency-Key: {idempotency}\r\n" if idempotency else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{extra}"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        protocol.response = loop.create_future()
        transport.write(head.encode() + data)
        response, content = await protocol.response
        if response[9:10] != b"2":
            raise RuntimeError(content)
        return msgspec.json.decode(content)

    def close(self) -> None:
        """Close the connection."""
        if self._open:
            self._open[0].close()


async def flows(
    url: str,
    keys: dict[str, str],
    *,
    connections: int,
    seconds: float,
    per_second: float = 0,
    one_wallet: bool = False,
) -> tuple[int, dict[str, list[float]]]:
    """Create, scan and pay on each connection until time is up. A refusal raises RuntimeError.

    Args:
        url: base URL of the API.
        keys: `merchant_key` and `wallet_key`.
        connections: number of concurrent flows.
        seconds: duration of the load.
        per_second: flows started per second over all connections; 0 for no limit.
        one_wallet: pay every session from the same wallet.

    Returns the number of completed flows and the duration of each step, in seconds.
    """
    took: dict[str, list[float]] = {"create": [], "scan": [], "pay": []}
    amount = {"minor": 1, "currency": "USD"}
    wallet_key = keys["wallet_key"]

    async def open_wallet(connection: Connection) -> str:
        wallet = await connection.post("/v1/wallets", {"currency": "USD"}, wallet_key)
        top_up = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
        path = f"/v1/wallets/{wallet['id']}/top-ups"
        await connection.post(path, top_up, wallet_key, str(uuid4()))
        return str(wallet["id"])

    clients = [Connection(url) for _ in range(connections)]
    shared = await open_wallet(clients[0])
    wallets = [shared if one_wallet else await open_wallet(client) for client in clients]
    until = time.perf_counter() + seconds

    async def run_flows(connection: Connection, wallet: str, number: int) -> int:
        done = 0
        pause = connections / per_second if per_second else 0.0
        next_start = time.perf_counter() + pause * number / connections
        while time.perf_counter() < until:
            if pause:
                await asyncio.sleep(max(0.0, next_start - time.perf_counter()))
                next_start += pause
            started = time.perf_counter()
            body = {"order_id": str(uuid4()), "amount": amount}
            session = await connection.post("/v1/payment-sessions", body, keys["merchant_key"])
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

    arguments = zip(clients, wallets, range(connections), strict=True)
    done = await asyncio.gather(*(run_flows(*each) for each in arguments))
    return sum(done), took


async def posts(url: str, *, connections: int, seconds: float) -> int:
    """Post a small body repeatedly; returns the number of responses."""
    until = time.perf_counter() + seconds

    async def client() -> int:
        connection, done = Connection(url), 0
        while time.perf_counter() < until:
            body = {"order_id": "x", "amount": {"minor": 1, "currency": "USD"}}
            await connection.post("/", body, "none")
            done += 1
        connection.close()
        return done

    return sum(await asyncio.gather(*(client() for _ in range(connections))))


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
