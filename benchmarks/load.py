"""A minimal HTTP client: it shares the processor with the server that it measures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

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

    async def post(
        self, path: str, body: Any, key: str, idempotency: str = "", *, status: bytes = b"2"
    ) -> Any:
        """Post JSON, return the decoded response. Raises RuntimeError for another status.

        `status` is how the expected status begins.
        """
        transport, protocol = await self._connected()
        data = msgspec.json.encode(body)
        extra = f"Idempotency-Key: {idempotency}\r\n" if idempotency else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{extra}"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        protocol.response = asyncio.get_running_loop().create_future()
        transport.write(head.encode() + data)
        response, content = await protocol.response
        if not response.startswith(status, 9):
            raise RuntimeError(content)
        return msgspec.json.decode(content)

    async def get(self, path: str) -> int:
        """Get something of any type without a key; returns the status."""
        transport, protocol = await self._connected()
        protocol.response = asyncio.get_running_loop().create_future()
        transport.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        response, _ = await protocol.response
        return int(response[9:12])

    async def _connected(self) -> tuple[asyncio.Transport, _HttpProtocol]:
        if self._open is None or self._open[0].is_closing():  # closed by the server when idle
            loop = asyncio.get_running_loop()
            self._open = await loop.create_connection(_HttpProtocol, self._host, self._port)
        return self._open

    def close(self) -> None:
        """Close the connection."""
        if self._open:
            self._open[0].close()


async def posts(url: str, *, connections: int, seconds: float) -> tuple[int, float]:
    """Post a small body repeatedly; returns the number of responses and the seconds it took."""
    started = time.perf_counter()

    async def client() -> int:
        connection, done = Connection(url), 0
        while time.perf_counter() < started + seconds:
            body = {"order_id": "x", "amount": {"minor": 1, "currency": "USD"}}
            await connection.post("/", body, "none")
            done += 1
        connection.close()
        return done

    done = sum(await asyncio.gather(*(client() for _ in range(connections))))
    return done, time.perf_counter() - started


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
