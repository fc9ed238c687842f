"""The attacks: each runs until it is told to stop, and answers with what became of it."""

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

Seen = Counter[str]
Attack = Callable[[asyncio.Event, Seen], Coroutine[Any, Any, None]]
HANDSHAKES: Final = 300
SLOW_READERS: Final = 100
STORMERS: Final = 50


class Target:
    """Where the attacks go, and with whose key."""

    def __init__(self, api: str, live_port: int, merchant_key: str, live_urls: list[str]) -> None:
        self.api, self.live_port = api, live_port
        self._key = merchant_key
        self._live_urls = live_urls
        self._parts = urlsplit(api)

    async def _open(self, port: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._parts.hostname, port or self._parts.port)

    async def _requests(self, over: asyncio.Event, seen: Seen, head: Callable[[], str]) -> None:
        """One connection that asks as fast as it is answered."""
        while not over.is_set():
            with suppress(OSError, asyncio.IncompleteReadError, IndexError):
                reader, writer = await self._open()
                while not over.is_set():
                    writer.write(head().encode())
                    answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    length = answer.lower().partition("content-length: ")[2].partition("\r\n")[0]
                    await reader.readexactly(int(length or 0))
                    seen[answer.split()[1]] += 1
                writer.close()

    async def flood(self, over: asyncio.Event, seen: Seen) -> None:
        """One holder asks for new sessions as fast as it can, on 16 connections."""

        def head() -> str:
            body = f'{{"order_id":"{uuid4()}","amount":{{"minor":1,"currency":"USD"}}}}'
            return (
                f"POST /v1/payment-sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                f"{self._key}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            )

        await asyncio.gather(*(self._requests(over, seen, head) for _ in range(16)))

    async def wrong_keys(self, over: asyncio.Event, seen: Seen) -> None:
        """A thousand keys of the right form that nobody gave out, again and again."""
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

        await asyncio.gather(*(self._requests(over, seen, head) for _ in range(16)))

    async def expensive_lists(self, over: asyncio.Event, seen: Seen) -> None:
        """The largest pages of the rarest status over the merchant's whole history."""

        def head() -> str:
            return (
                "GET /v1/payment-sessions?limit=100&status=paid&created_from=2000-01-01T00:00:00Z "
                f"HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._key}\r\n\r\n"
            )

        await asyncio.gather(*(self._requests(over, seen, head) for _ in range(8)))

    async def one_byte_handshakes(self, over: asyncio.Event, seen: Seen) -> None:
        """Connections that send a byte a second, to the API and to the live socket."""

        async def drip(port: int) -> None:
            with suppress(OSError):
                _, writer = await self._open(port)
                for char in "GET /live?session=ps_x HTTP/1.1\r\nHost: " + "x" * 4000:
                    writer.write(char.encode())
                    await writer.drain()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(over.wait(), 1)
                    if over.is_set():
                        break
                seen["dripped"] += 1
                writer.close()

        ports = [self._parts.port or 80, self.live_port]
        await asyncio.gather(*(drip(ports[n % 2]) for n in range(HANDSHAKES)))

    async def slow_readers(self, over: asyncio.Event, seen: Seen) -> None:
        """Sockets that subscribe and never read."""

        async def sleep_through(url: str) -> None:
            with suppress(OSError, WebSocketException, TimeoutError):
                async with connect(url, max_queue=1):
                    seen["subscribed"] += 1
                    await over.wait()

        count = SLOW_READERS
        await asyncio.gather(
            *(sleep_through(self._live_urls[n % len(self._live_urls)]) for n in range(count))
        )

    async def reconnect_storm(self, over: asyncio.Event, seen: Seen) -> None:
        """Screens that connect, hear one message, and go."""

        async def storm() -> None:
            while not over.is_set():
                try:
                    async with connect(random.choice(self._live_urls), open_timeout=5) as link:
                        await asyncio.wait_for(link.recv(), 5)
                        seen["served"] += 1
                except (OSError, WebSocketException, TimeoutError):
                    seen["refused"] += 1

        await asyncio.gather(*(storm() for _ in range(STORMERS)))

    async def oversize_frames(self, over: asyncio.Event, seen: Seen) -> None:
        """Frames of a megabyte where four kilobytes are the most, and chatter."""

        async def shout() -> None:
            while not over.is_set():
                with suppress(OSError, TimeoutError):
                    try:
                        async with connect(random.choice(self._live_urls)) as link:
                            await link.send("x" * 1_000_000)
                            while True:
                                await asyncio.wait_for(link.recv(), 5)
                    except WebSocketException:
                        seen["closed"] += 1

        await asyncio.gather(*(shout() for _ in range(8)))
