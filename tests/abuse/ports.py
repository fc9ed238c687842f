"""Attacks before a request is complete: headers, slow clients, descriptors, live sockets.

The attackers use addresses of their own (127.0.0.0/8), as outside attackers would.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from infrastructure.descriptors import raise_limit
from tests.abuse.attacks import Attack, Counts

FLOOD_BYTES: Final = 200_000_000
FLOODERS: Final = 8
SLOW_CONNECTIONS: Final = 200
UNFINISHED_REQUESTS: Final = 1100
ADDRESSES: Final = 10
WATCHERS: Final = 20
PROBE_SECONDS: Final = 5.0
RECONNECT_SECONDS: Final = 0.5
UNFINISHED: Final = b"GET /live?session=x HTTP/1.1\r\nHost: "
OPENING: Final = asyncio.Semaphore(16)
"""Limits simultaneous connects, because the honest clients share this process."""


class PortAttacks:
    """The attacked ports, and a session whose public live URL the attackers know."""

    def __init__(
        self, api: str, live_port: int, *, key: str, till_url: str, public_url: str
    ) -> None:
        self._ports = [urlsplit(api).port or 80, live_port]
        self._till_url, self._public_url = till_url, public_url
        post = f"POST /v1/payment-sessions HTTP/1.1\r\nAuthorization: Bearer {key}\r\n"
        self._steps = {
            "silent": (b"", b""),
            "unfinished header": (UNFINISHED, b""),
            "one byte per second": (UNFINISHED, b"x"),
            "endless chunks": (f"{post}Transfer-Encoding: chunked\r\n\r\n".encode(), b"1\r\nx\r\n"),
            "missing body": (f"{post}Content-Length: 9\r\n\r\n".encode(), b""),
        }

    def all(self) -> tuple[Attack, ...]:
        return (
            self.header_floods, self.slow_connections, self.descriptor_exhaustion,
            self.watchers_of_a_session,
        )  # fmt: skip

    async def header_floods(self, stop: asyncio.Event, counts: Counts) -> None:
        """200 MB of headers per connection: one endless header, or thousands of small ones."""

        async def flood(number: int) -> None:
            part = (b"x" * 65_536, b"a: b\r\n" * 10_000)[number // 2 % 2]
            while not stop.is_set():
                with suppress(OSError):
                    reader, writer = await _open(self._ports[number % 2], number)
                    writer.write(b"GET / HTTP/1.1\r\nA: ")
                    sent = 0
                    with suppress(OSError):
                        while sent < FLOOD_BYTES and not stop.is_set():
                            writer.write(part)
                            await writer.drain()
                            sent += len(part)
                    counts[await _status(reader)] += 1
                    assert sent < FLOOD_BYTES, "200 MB of headers were accepted"
                    writer.transport.abort()

        await asyncio.gather(*(flood(number) for number in range(FLOODERS)))

    async def slow_connections(self, stop: asyncio.Event, counts: Counts) -> None:
        """Silent, half-header, one-byte-per-second and endless-body connections to both ports."""

        async def connection(number: int) -> None:
            name, (start, repeated) = list(self._steps.items())[number % len(self._steps)]
            while not stop.is_set():
                with suppress(OSError):
                    reader, writer = await _open(
                        self._ports[number // len(self._steps) % 2], number
                    )
                    counts[name] += 1
                    writer.write(start)
                    closed = asyncio.create_task(_status(reader))
                    while not stop.is_set() and not closed.done():
                        await asyncio.wait([closed], timeout=1)
                        writer.write(repeated)
                    if closed.done():
                        counts[f"closed with {closed.result()}"] += 1
                    closed.cancel()
                    writer.transport.abort()
                await _pause(stop)

        await asyncio.gather(
            *(connection(number) for number in range(SLOW_CONNECTIONS)), self._probe(stop, counts)
        )

    async def descriptor_exhaustion(self, stop: asyncio.Event, counts: Counts) -> None:
        """1,100 unfinished requests per port, reopened when closed; health checks must succeed."""
        raise_limit()

        async def unfinished(number: int) -> None:
            while not stop.is_set():
                with suppress(OSError, TimeoutError):
                    reader, writer = await _open(self._ports[number % 2], number)
                    writer.write(UNFINISHED)
                    counts["unfinished requests"] += 1
                    closed = asyncio.create_task(reader.read(1))
                    done = asyncio.create_task(stop.wait())
                    await asyncio.wait([closed, done], return_when=asyncio.FIRST_COMPLETED)
                    counts["of them closed by the server"] += closed.done()
                    for task in (closed, done):
                        task.cancel()
                    writer.transport.abort()
                await _pause(stop)

        requests = (unfinished(number) for number in range(2 * UNFINISHED_REQUESTS))
        await asyncio.gather(*requests, self._probe(stop, counts))

    async def watchers_of_a_session(self, stop: asyncio.Event, counts: Counts) -> None:
        """Outsiders with the public token open all the sockets they can; the till can connect."""

        async def watch(number: int) -> None:
            while not stop.is_set():
                with suppress(OSError, WebSocketException, TimeoutError):
                    async with connect(self._public_url, local_addr=_address(number)) as socket:
                        async with asyncio.timeout(PROBE_SECONDS):
                            await socket.recv()
                        counts["watchers"] += 1
                        await stop.wait()
                await _pause(stop)

        async def till() -> None:
            while not stop.is_set():
                async with asyncio.timeout(PROBE_SECONDS), connect(self._till_url) as socket:
                    assert '"snapshot"' in str(await socket.recv()), "the till was locked out"
                counts["till connected"] += 1
                await asyncio.sleep(0.05)

        await asyncio.gather(*(watch(number) for number in range(WATCHERS)), till())

    async def _probe(self, stop: asyncio.Event, counts: Counts) -> None:
        """Health checks on both ports during the attack; one failure fails the run."""
        while not stop.is_set():
            for port in self._ports:
                async with asyncio.timeout(PROBE_SECONDS):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    status = await _status(reader)
                    writer.close()
                assert status == "200", f"a health check on port {port} returned {status}"
                counts["health checks"] += 1
            await asyncio.sleep(0.05)


async def _open(port: int, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with OPENING:
        return await asyncio.open_connection("127.0.0.1", port, local_addr=_address(number))


async def _pause(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), RECONNECT_SECONDS)


def _address(number: int) -> tuple[str, int]:
    return (f"127.66.0.{1 + number % ADDRESSES}", 0)


async def _status(reader: asyncio.StreamReader) -> str:
    """The status of a response, or `no response`."""
    try:
        return (await reader.readuntil(b"\r\n")).split()[1].decode()
    except (OSError, asyncio.IncompleteReadError):
        return "no response"
