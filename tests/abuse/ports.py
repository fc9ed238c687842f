"""Attacks on the ports before a request is whole: headers, slowness, descriptors, a till's places.

The attackers come from addresses of their own (127.0.0.0/8), as strangers do.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from infrastructure.descriptors import raise_limit
from tests.abuse.attacks import Attack

Seen = Counter[str]
FLOOD_BYTES: Final = 200_000_000
FLOODERS: Final = 8
SLOW: Final = 200
HALF_REQUESTS: Final = 1100
ADDRESSES: Final = 10
WATCHERS: Final = 20
PROBE_SECONDS: Final = 5.0
REST_SECONDS: Final = 0.5
HALF: Final = b"GET /live?session=x HTTP/1.1\r\nHost: "
OPENING: Final = asyncio.Semaphore(16)
"""So many connections are opened at a time: the honest clients share this process."""


class PortAttacks:
    """Where the ports are, and a session whose code strangers saw."""

    def __init__(
        self, api: str, live_port: int, *, key: str, till_url: str, public_url: str
    ) -> None:
        self._ports = [urlsplit(api).port or 80, live_port]
        self._till_url, self._public_url = till_url, public_url
        post = f"POST /v1/payment-sessions HTTP/1.1\r\nAuthorization: Bearer {key}\r\n"
        self._steps = {
            "silent": (b"", b""),
            "half a header": (HALF, b""),
            "dripping": (HALF, b"x"),
            "endless chunks": (f"{post}Transfer-Encoding: chunked\r\n\r\n".encode(), b"1\r\nx\r\n"),
            "silent body": (f"{post}Content-Length: 9\r\n\r\n".encode(), b""),
        }

    def all(self) -> tuple[Attack, ...]:
        return (
            self.header_floods, self.slow_connections, self.descriptor_exhaustion,
            self.watchers_on_a_qr,
        )  # fmt: skip

    async def header_floods(self, over: asyncio.Event, seen: Seen) -> None:
        """200 MB of headers on a connection: one without an end, or thousands of small ones."""

        async def flood(number: int) -> None:
            part = (b"x" * 65_536, b"a: b\r\n" * 10_000)[number // 2 % 2]
            while not over.is_set():
                with suppress(OSError):
                    reader, writer = await _open(self._ports[number % 2], number)
                    writer.write(b"GET / HTTP/1.1\r\nA: ")
                    sent = 0
                    with suppress(OSError):
                        while sent < FLOOD_BYTES and not over.is_set():
                            writer.write(part)
                            await writer.drain()
                            sent += len(part)
                    seen[await _status(reader)] += 1
                    assert sent < FLOOD_BYTES, "200 MB of headers were taken"
                    writer.transport.abort()

        await asyncio.gather(*(flood(number) for number in range(FLOODERS)))

    async def slow_connections(self, over: asyncio.Event, seen: Seen) -> None:
        """Silent, half a header, a byte a second, bodies without an end, on both ports."""

        async def crawl(number: int) -> None:
            name, (start, drip) = list(self._steps.items())[number % len(self._steps)]
            while not over.is_set():
                with suppress(OSError):
                    reader, writer = await _open(
                        self._ports[number // len(self._steps) % 2], number
                    )
                    seen[name] += 1
                    writer.write(start)
                    closed = asyncio.create_task(_status(reader))
                    while not over.is_set() and not closed.done():
                        await asyncio.wait([closed], timeout=1)
                        writer.write(drip)
                    if closed.done():
                        seen[f"closed with {closed.result()}"] += 1
                    closed.cancel()
                    writer.transport.abort()
                await _rest(over)

        await asyncio.gather(*(crawl(number) for number in range(SLOW)), self._probe(over, seen))

    async def descriptor_exhaustion(self, over: asyncio.Event, seen: Seen) -> None:
        """1,100 half requests on each port, again whenever they are closed; health checks pass."""
        raise_limit()

        async def half(number: int) -> None:
            while not over.is_set():
                with suppress(OSError, TimeoutError):
                    reader, writer = await _open(self._ports[number % 2], number)
                    writer.write(HALF)
                    seen["half requests"] += 1
                    closed = asyncio.create_task(reader.read(1))
                    done = asyncio.create_task(over.wait())
                    await asyncio.wait([closed, done], return_when=asyncio.FIRST_COMPLETED)
                    seen["of them closed"] += closed.done()
                    for task in (closed, done):
                        task.cancel()
                    writer.transport.abort()
                await _rest(over)

        halves = (half(number) for number in range(2 * HALF_REQUESTS))
        await asyncio.gather(*halves, self._probe(over, seen))

    async def watchers_on_a_qr(self, over: asyncio.Event, seen: Seen) -> None:
        """Strangers with the public token hold every place they can get; the till gets in."""

        async def watch(number: int) -> None:
            while not over.is_set():
                with suppress(OSError, WebSocketException, TimeoutError):
                    async with connect(self._public_url, local_addr=_address(number)) as link:
                        async with asyncio.timeout(PROBE_SECONDS):
                            await link.recv()
                        seen["watchers"] += 1
                        await over.wait()
                await _rest(over)

        async def till() -> None:
            while not over.is_set():
                async with asyncio.timeout(PROBE_SECONDS), connect(self._till_url) as link:
                    assert '"snapshot"' in str(await link.recv()), "the till was locked out"
                seen["till heard"] += 1
                await asyncio.sleep(0.05)

        await asyncio.gather(*(watch(number) for number in range(WATCHERS)), till())

    async def _probe(self, over: asyncio.Event, seen: Seen) -> None:
        """What a monitor asks, on both ports, as long as the attack lasts; one failure ends it."""
        while not over.is_set():
            for port in self._ports:
                async with asyncio.timeout(PROBE_SECONDS):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    status = await _status(reader)
                    writer.close()
                assert status == "200", f"a health check on {port} was answered with {status}"
                seen["health checks"] += 1
            await asyncio.sleep(0.05)


async def _open(port: int, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with OPENING:
        return await asyncio.open_connection("127.0.0.1", port, local_addr=_address(number))


async def _rest(over: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(over.wait(), REST_SECONDS)


def _address(number: int) -> tuple[str, int]:
    return (f"127.66.0.{1 + number % ADDRESSES}", 0)


async def _status(reader: asyncio.StreamReader) -> str:
    """The status of an answer, or what came instead."""
    try:
        return (await reader.readuntil(b"\r\n")).split()[1].decode()
    except (OSError, asyncio.IncompleteReadError):
        return "no answer"
