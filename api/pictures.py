"""Pictures for the API: each drawn once, few at a time, and kept while there is room.

A flood of requests for pictures must not slow payments down. So drawing has a queue of its own with
a limit, one thread that waits for the drawing process, and a cache with a limit in bytes. The same
picture is never drawn twice at the same time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Final

import msgspec

from application.errors import Overloaded
from application.ports.pictures import REVISION, Drawing, Pictures

WAITING_MAX: Final = 64
"""Pictures that are being drawn or wait for it; one more is refused with 503."""
AT_ONCE_MAX: Final = 2
"""One is looked up in the log while another is drawn."""
WAIT_SECONDS_MAX: Final = 15.0
CACHE_BYTES_MAX: Final = 16 * 1024 * 1024
ETAG_CHARS: Final = 32

Check = Callable[[], Awaitable[object]]
"""Raises if there is nothing to draw."""


def etag(drawing: Drawing) -> str:
    """A strong entity tag: a hash of everything that the picture's bytes depend on."""
    content = b"%d " % REVISION + msgspec.json.encode(drawing)
    return f'"{sha256(content).hexdigest()[:ETAG_CHARS]}"'


class PictureCache:
    """Draws pictures, and keeps the last ones."""

    def __init__(self, pictures: Pictures, *, bytes_max: int = CACHE_BYTES_MAX) -> None:
        self._pictures = pictures
        self._bytes_max = bytes_max
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._waiting: dict[str, asyncio.Task[bytes]] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._thread = ThreadPoolExecutor(1, "draw")

    async def get(self, drawing: Drawing, check: Check) -> bytes:
        """The bytes of a picture.

        Args:
            drawing: what to draw.
            check: called before it is drawn; a picture that is kept has been checked.

        Raises (checked in this order):
            Overloaded: too many pictures are waiting, or it took longer than 15 s.
            LedgerError: whatever `check` or `Pictures.draw` raises.
        """
        key = etag(drawing)
        if (data := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return data
        task = self._waiting.get(key)
        if task is None:
            if len(self._waiting) >= WAITING_MAX:
                raise Overloaded(reason="too many pictures are waiting to be drawn")
            task = asyncio.create_task(self._draw(key, drawing, check))
            self._waiting[key] = task
            task.add_done_callback(lambda done: self._finish(key, done))
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Overloaded(reason="the picture was not drawn in time") from None

    async def _draw(self, key: str, drawing: Drawing, check: Check) -> bytes:
        async with self._at_once:
            await check()
            loop = asyncio.get_running_loop()
            data = await loop.run_in_executor(self._thread, self._pictures.draw, drawing)
        self._keep(key, data)
        return data

    def _finish(self, key: str, done: asyncio.Task[bytes]) -> None:
        del self._waiting[key]
        if not done.cancelled():
            done.exception()  # marks it as seen: its callers may have given up waiting

    def _keep(self, key: str, data: bytes) -> None:
        """Keep a picture, and drop those that were not asked for the longest."""
        self._kept[key] = data
        self._kept_bytes += len(data)
        while self._kept_bytes > self._bytes_max:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped)
