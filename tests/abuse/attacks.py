"""Attacks on the API and the live socket; each runs until `stop` and counts its results."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from domain.merchants.api_key import BearerKey, Role

Counts = Counter[str]
Attack = Callable[[asyncio.Event, Counts], Coroutine[Any, Any, None]]
HANDSHAKES: Final = 300
SLOW_READERS: Final = 100
STORM_SCREENS: Final = 50


class Target:
    """The attacked ports, and the API key and live URLs the attackers hold."""

    def __init__(self, api: str, live_port: int, merchant_key: str, live_urls: list[str]) -> None:
        self.api, self.live_port = api, live_port
        self._key = merchant_key
        self._live_urls = live_urls
        self._parts = urlsplit(api)

    async def _open(self, port: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._parts.hostname, port or self._parts.port)

    async def _requests(self, stop: asyncio.Event, counts: Counts, head: Callable[[], str]) -> None:
        """One connection that sends the next request as soon as it has a response."""
        while not stop.is_set():
            with suppress(OSError, asyncio.IncompleteReadError, IndexError):
                reader, writer = await self._open()
                while not stop.is_set():
                    writer.write(head().encode())
                    response = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    length = response.lower().partition("content-length: ")[2].partition("\r\n")[0]
                    await reader.readexactly(int(length or 0))
                    counts[response.split()[1]] += 1
                writer.close()

    async def session_flood(self, stop: asyncio.Event, counts: Counts) -> None:
        """One merchant creates sessions as fast as it can on 16 connections."""

        def head() -> str:
            body = f'{{"order_id":"{uuid4()}","amount":{{"minor":1,"currency":"USD"}}}}'
            return (
                f"POST /v1/payment-sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                f"{self._key}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            )

        await asyncio.gather(*(self._requests(stop, counts, head) for _ in range(16)))

    async def wrong_keys(self, stop: asyncio.Event, counts: Counts) -> None:
        """A thousand well-formed keys that were never issued, used over and over."""
        keys = [
            BearerKey.make(
                mode="test", role=Role.MERCHANT, key_id=uuid4(), random=random.randbytes(32)
            ).text
            for _ in range(1000)
        ]

        def head() -> str:
            key = random.choice(keys)
            return (
                "GET /v1/payment-sessions HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {key}\r\n\r\n"
            )

        await asyncio.gather(*(self._requests(stop, counts, head) for _ in range(16)))

    async def expensive_lists(self, stop: asyncio.Event, counts: Counts) -> None:
        """Pages of maximum size, of the rarest status, over the merchant's whole history."""

        def head() -> str:
            return (
                "GET /v1/payment-sessions?limit=100&status=paid&created_from=2000-01-01T00:00:00Z "
                f"HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._key}\r\n\r\n"
            )

        await asyncio.gather(*(self._requests(stop, counts, head) for _ in range(8)))

    async def one_byte_handshakes(self, stop: asyncio.Event, counts: Counts) -> None:
        """Connections to both ports that send one byte per second."""

        async def one_byte_per_second(port: int) -> None:
            with suppress(OSError):
                _, writer = await self._open(port)
                for char in "GET /live?session=ps_x HTTP/1.1\r\nHost: " + "x" * 4000:
                    writer.write(char.encode())
                    await writer.drain()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), 1)
                    if stop.is_set():
                        break
                counts["slow handshakes"] += 1
                writer.close()

        ports = [self._parts.port or 80, self.live_port]
        await asyncio.gather(*(one_byte_per_second(ports[n % 2]) for n in range(HANDSHAKES)))

    async def slow_readers(self, stop: asyncio.Event, counts: Counts) -> None:
        """Live sockets that connect and never read."""

        async def never_read(url: str) -> None:
            with suppress(OSError, WebSocketException, TimeoutError):
                async with connect(url, max_queue=1):
                    counts["connected"] += 1
                    await stop.wait()

        urls = self._live_urls
        await asyncio.gather(
            *(never_read(urls[number % len(urls)]) for number in range(SLOW_READERS))
        )

    async def reconnect_storm(self, stop: asyncio.Event, counts: Counts) -> None:
        """Screens that connect, receive one message and disconnect."""

        async def screen() -> None:
            while not stop.is_set():
                try:
                    async with connect(random.choice(self._live_urls), open_timeout=5) as socket:
                        await asyncio.wait_for(socket.recv(), 5)
                        counts["served"] += 1
                except (OSError, WebSocketException, TimeoutError):
                    counts["refused"] += 1

        await asyncio.gather(*(screen() for _ in range(STORM_SCREENS)))

    async def oversize_frames(self, stop: asyncio.Event, counts: Counts) -> None:
        """Frames of 1 MB where the limit is 4 KB."""

        async def client() -> None:
            while not stop.is_set():
                with suppress(OSError, TimeoutError):
                    try:
                        async with connect(random.choice(self._live_urls)) as socket:
                            await socket.send("x" * 1_000_000)
                            while True:
                                await asyncio.wait_for(socket.recv(), 5)
                    except WebSocketException:
                        counts["closed"] += 1

        await asyncio.gather(*(client() for _ in range(8)))
