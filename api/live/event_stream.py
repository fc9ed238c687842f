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

from api.http.messages import DefaultHeaders, HttpRequest, HttpResponse, Send

COMMENT_SECONDS: Final = 15.0
"""A stream that was quiet for so long gets a comment: proxies close what is idle."""
RETRY_MILLISECONDS: Final = 2000
"""After which browsers reconnect."""
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_COMMENT: Final = b":\n\n"


class _Numbered(msgspec.Struct):
    """The part of a message that its id is made of."""

    seq: int


_numbered: Final = msgspec.json.Decoder(_Numbered)


class EventStream:
    """What one client of a stream is to get. Lives in one event loop."""

    def __init__(self, on_disconnect: Callable[[int], None]) -> None:
        self.expires_at = datetime.max.replace(tzinfo=UTC)
        """When its token ends, once the token has been checked."""
        self.until = 0.0
        """When it is closed so that the client reconnects, by the monotonic clock."""
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

    def abandon(self) -> None:
        """The client is gone: there is nothing more to send."""
        self._waiting.clear()
        self._ended = True
        self._changed.set()

    def _add(self, frame: bytes) -> None:
        if not self._ended:
            self._waiting.append(frame)
            self._bytes += len(frame)
            self._changed.set()

    async def chunks(self) -> AsyncIterator[bytes]:
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


class StreamResponse(HttpResponse):
    """The response that sends a stream until it ends or the client is gone."""

    __slots__ = ("_leave", "_request", "_stream")

    def __init__(
        self, stream: EventStream, request: HttpRequest, leave: Callable[[], None]
    ) -> None:
        super().__init__(b"", media_type="text/event-stream", headers=_HEADERS)
        self._stream = stream
        self._request = request
        self._leave = leave

    async def send(self, send: Send, default_headers: DefaultHeaders) -> None:
        """Send it; whatever happens, the listener leaves its place."""
        watching = asyncio.create_task(self._watch())
        try:
            pairs = [*default_headers.pairs(self), (b"content-type", self.media_type.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": pairs})
            async for chunk in self._stream.chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watching.cancel()
            self._leave()

    async def _watch(self) -> None:
        await self._request.disconnected()
        self._stream.abandon()
