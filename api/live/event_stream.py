"""Server-sent events: one response that goes on, as the socket of a listener (WHATWG HTML, 9.2).

A message has its `seq` as its `id`, so a browser that reconnects says by itself what it has. What
is not sent yet waits in a buffer of limited size: a client that does not read is disconnected, and
gets the rest when it comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

COMMENT_SECONDS: Final = 15.0
"""A stream that was quiet for so long gets a comment: proxies close what is idle."""
RETRY_MILLISECONDS: Final = 2000
"""After which browsers reconnect."""
MEDIA_TYPE: Final = "text/event-stream"
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_COMMENT: Final = b":\n\n"


class _Numbered(msgspec.Struct):
    """The part of a message that its id is made of."""

    seq: int


_numbered: Final = msgspec.json.Decoder(_Numbered)


class EventStream:
    """What one client of a stream is to get. Lives in one event loop; sent as `Blocks`."""

    def __init__(self, on_disconnect: Callable[[int], None]) -> None:
        self.expires_at = datetime.max.replace(tzinfo=UTC)
        """When its token ends, once the token has been checked."""
        self.until = 0.0
        """When it is closed so that the client reconnects, by the monotonic clock."""
        self.leave: Callable[[], None] = lambda: None
        """Called once when the client has gone or has everything."""
        self._on_disconnect = on_disconnect
        self._waiting = [b"retry: %d\n\n" % RETRY_MILLISECONDS]
        self._bytes = 0
        self._started = False
        """Whether the first messages, whose number is limited, have been taken to be sent."""
        self._ended = False
        self._changed = asyncio.Event()

    def buffered_bytes(self) -> int:
        """Bytes that the client could not take yet, beyond the first messages."""
        return self._bytes if self._started else 0

    def send(self, text: str) -> None:
        """Buffer a message; never waits, and does nothing after `disconnect`."""
        self._add(b"id: %d\ndata: %s\n\n" % (_numbered.decode(text).seq, text.encode()))

    def disconnect(self, code: int, reason: str) -> None:
        """End the stream after what is buffered, with an event `close` that says why."""
        if self._ended:
            return
        self._on_disconnect(code)
        data = msgspec.json.encode({"type": "close", "code": code, "reason": reason})
        self._add(b"event: close\ndata: %s\n\n" % data)
        self._ended = True

    async def close(self) -> None:
        """The client is gone, or has everything: there is nothing more to send."""
        self._waiting.clear()
        self._ended = True
        self._changed.set()
        leave, self.leave = self.leave, lambda: None
        leave()

    def _add(self, frame: bytes) -> None:
        if not self._ended:
            self._waiting.append(frame)
            self._bytes += len(frame)
            self._changed.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Everything to be sent, until the end of the stream."""
        while self._waiting or not self._ended:
            if self._waiting:
                chunk, self._bytes, self._started = b"".join(self._waiting), 0, True
                self._waiting.clear()
                yield chunk
                continue
            self._changed.clear()
            try:
                async with asyncio.timeout(COMMENT_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                yield _COMMENT
