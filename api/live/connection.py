"""An accepted WebSocket, as the hub and the server use it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

CLOSE_SECONDS: Final = 2.0

_closing: Final[set[asyncio.Task[None]]] = set()
"""The event loop itself keeps only weak references to its tasks."""


class WebSocketConnection:
    """One listener's WebSocket: messages out, and a close that always ends."""

    def __init__(self, connection: ServerConnection, on_disconnect: Callable[[int], None]) -> None:
        self._connection = connection
        self._on_disconnect = on_disconnect
        self._disconnected = False

    def buffered_bytes(self) -> int:
        """Bytes written that the kernel has not accepted yet."""
        return int(self._connection.transport.get_write_buffer_size())

    def send(self, text: str) -> None:
        """Buffer a message; never waits, and does nothing after `disconnect`."""
        if not self._disconnected:
            with suppress(ConnectionClosed):
                broadcast([self._connection], text)  # the one call that writes without waiting

    def disconnect(self, code: int, reason: str) -> None:
        """Close within `CLOSE_SECONDS`, then abort; a second call does nothing."""
        if self._disconnected:
            return
        self._disconnected = True
        self._on_disconnect(code)
        task = asyncio.get_running_loop().create_task(self._close(code, reason))
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.close(code, reason)
        except TimeoutError:  # `close` waits as long as the buffer is full
            self._connection.transport.abort()
