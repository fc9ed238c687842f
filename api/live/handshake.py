"""A connection of the live port until its handshake has been read: counted, limited, timed.

websockets counts nothing, allows 128 headers of 8 KiB each, and closes without a word when time is
up. So the head of the request is gathered here, compared with its limits,
and handed over whole.
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
"""What websockets reads as one line, with its end: here the longest request line and header."""
REQUEST_LINE_EXTRA_BYTES: Final = 15
"""Of a request line beside its address: `GET `, ` HTTP/1.1`, CR and LF."""
_END: Final = b"\r\n\r\n"


class LimitedConnection(ServerConnection):
    """One connection of the live port."""

    def __init__(
        self,
        table: ConnectionTable,
        to_bytes: Callable[[LedgerError], bytes],
        on_lost: Callable[[LimitedConnection], None],
        *facts: Any,
        **more: Any,
    ) -> None:
        super().__init__(*facts, **more)
        self.peer = ""
        self._table = table
        self._limits = table.limits
        self._to_bytes = to_bytes
        self._on_lost = on_lost
        self._head: bytearray | None = bytearray()
        """What has come of the request; None once it was handed over."""
        self._since = 0.0
        self._turned_away = False
        self._closing = False
        """Refused; what still comes is thrown away until the linger is over."""
        self._discarded_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, or turn it away."""
        address = transport.get_extra_info("peername")
        self.peer = str(address[0]) if address else ""
        self._since = self.loop.time()
        if self._table.admit(self):
            super().connection_made(transport)
        else:
            self._turned_away = True
            self.transport: asyncio.Transport = transport  # type: ignore[assignment]
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._table.forget(self)
        self._on_lost(self)
        if not self._turned_away:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Gather the head; later, hand everything over."""
        if self._closing or self._turned_away:
            self._discard(len(data))
        elif self._head is None:
            super().data_received(data)
        else:
            self._gather(data)

    def eof_received(self) -> None:
        """Half a request and no more: nobody waits for an answer."""
        if not self._turned_away:
            super().eof_received()

    def _discard(self, size: int) -> None:
        self._discarded_bytes += size
        if self._discarded_bytes > self._limits.linger_bytes:
            self.transport.abort()

    def _gather(self, data: bytes) -> None:
        head = self._head
        if head is None:
            return
        if not head:
            self._since = self.loop.time()
        searched = max(0, len(head) - len(_END) + 1)
        head += data
        end = head.find(_END, searched)
        reason = self._violation(head, end)
        if reason is not None:
            self._refuse(reason)
        elif end >= 0:
            self._head = None
            super().data_received(bytes(head))

    def _violation(self, head: bytearray, end: int) -> LedgerError | None:
        """Which limit the head passes, as far as it is here; `end` is -1 until it is whole."""
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

    def _refuse(self, reason: LedgerError) -> None:
        if self.transport.is_closing():
            return
        self._closing, self._since = True, self.loop.time()
        self.transport.write(self._to_bytes(reason))
        self.transport.write_eof()

    def evict(self) -> None:
        """Close for a new connection."""
        self.transport.abort()

    def check(self, now: float) -> None:
        """The sweep: which limit has passed?"""
        limits, waited = self._limits, now - self._since
        if self._closing:
            if waited > limits.linger_seconds:
                self.transport.abort()
        elif self._head is None:
            pass  # a socket, with its own pings and deadlines (api/live/server.py)
        elif not self._head:
            if waited > limits.first_byte_seconds:
                self.transport.abort()
        elif waited > limits.headers_seconds:
            seconds = round(limits.headers_seconds)
            self._refuse(RequestTimeout(part="headers", limit_seconds=seconds))
