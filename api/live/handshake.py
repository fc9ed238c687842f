"""A connection of the live port until its handshake has been read, within the port's limits.

websockets counts no connections, allows 128 headers of 8 KiB each, and closes without a response on
a timeout. So the request's head is collected here, checked against the limits, and only then
passed on, in one piece.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.server import ServerConnection

from api.http.connections import ConnectionTable
from api.http.errors import HeadersTooLarge, RequestTimeout, UriTooLong
from domain.errors import LedgerError

LINE_BYTES_MAX: Final = 8192
"""The longest line that websockets reads, with its end: a request line or a header."""
REQUEST_LINE_EXTRA_BYTES: Final = 15
"""The rest of a request line: `GET `, ` HTTP/1.1`, CR and LF."""
_END: Final = b"\r\n\r\n"


class LimitedConnection(ServerConnection):
    """One connection of the live port."""

    def __init__(
        self,
        table: ConnectionTable,
        to_bytes: Callable[[LedgerError], bytes],
        on_lost: Callable[[LimitedConnection], None],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.peer = ""
        self._table = table
        self._limits = table.limits
        self._to_bytes = to_bytes
        self._on_lost = on_lost
        self._head: bytearray | None = bytearray()
        """The part of the head received so far; None once it was passed on."""
        self._since = 0.0
        """When the connection, its head or its refusal began, by the loop's clock."""
        self._rejected = False
        """Aborted at once, as the port was full."""
        self._closing = False
        """Refused with a response; further bytes are discarded until the linger time is over."""
        self._discarded_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection, or abort it if the port is full."""
        address = transport.get_extra_info("peername")
        self.peer = str(address[0]) if address else ""
        self._since = self.loop.time()
        if self._table.admit(self):
            super().connection_made(transport)
        else:
            self._rejected = True
            self.transport: asyncio.Transport = transport  # type: ignore[assignment]
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection's place."""
        self._table.forget(self)
        self._on_lost(self)
        if not self._rejected:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Collect the head; after that, pass everything on."""
        if self._closing or self._rejected:
            self._discard(len(data))
        elif self._head is None:
            super().data_received(data)
        else:
            self._collect(data)

    def eof_received(self) -> None:
        """Pass the end of the stream on: a client that half-closes gets no response."""
        if not self._rejected:
            super().eof_received()

    def _discard(self, size: int) -> None:
        self._discarded_bytes += size
        if self._discarded_bytes > self._limits.linger_bytes:
            self.transport.abort()

    def _collect(self, data: bytes) -> None:
        head = self._head
        if head is None:
            return
        if not head:
            self._since = self.loop.time()
        searched = max(0, len(head) - len(_END) + 1)
        head += data
        end = head.find(_END, searched)
        error = self._violation(head, end)
        if error is not None:
            self._refuse(error)
        elif end >= 0:
            self._head = None
            super().data_received(bytes(head))

    def _violation(self, head: bytearray, end: int) -> LedgerError | None:
        """The limit that the head exceeds, if any; `end` is -1 until the head is complete."""
        limits = self._limits
        size = len(head) if end < 0 else end + 2
        first = head.find(b"\r\n")
        url_bytes = min(limits.url_bytes, LINE_BYTES_MAX - REQUEST_LINE_EXTRA_BYTES)
        if (size if first < 0 else first + 2) > url_bytes + REQUEST_LINE_EXTRA_BYTES:
            return UriTooLong(limit_bytes=url_bytes)
        if first < 0:
            return None
        rest = size - first - 2
        count = head.count(b"\n", first + 2, size)
        longest = 0
        if end >= 0:
            longest = max(map(len, head[first + 2 : size].split(b"\n"))) + 1
        if count > limits.headers or rest > limits.headers_bytes or longest > LINE_BYTES_MAX:
            return HeadersTooLarge(limit_headers=limits.headers, limit_bytes=limits.headers_bytes)
        return None

    def _refuse(self, error: LedgerError) -> None:
        if self.transport.is_closing():
            return
        self._closing, self._since = True, self.loop.time()
        self.transport.write(self._to_bytes(error))
        self.transport.write_eof()

    def evict(self) -> None:
        """Abort, to make room for a new connection."""
        self.transport.abort()

    def check(self, now: float) -> None:
        """Enforce the time limits; called periodically."""
        limits, elapsed = self._limits, now - self._since
        if self._closing:
            if elapsed > limits.linger_seconds:
                self.transport.abort()
        elif self._head is None:
            pass  # an open socket: pings and deadlines of api/live/server.py apply
        elif not self._head:
            if elapsed > limits.first_byte_seconds:
                self.transport.abort()
        elif elapsed > limits.headers_seconds:
            seconds = round(limits.headers_seconds)
            self._refuse(RequestTimeout(part="headers", limit_seconds=seconds))
