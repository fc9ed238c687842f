"""uvicorn's protocol over httptools with limits before the body (`api/http/connections.py`).

httptools hands over headers one by one and has no limit; uvicorn starts its only timer after the
first answer. Here a request is checked when its headers are complete, and while it is not: after
every packet. `check` is called by the table's sweep, so no timer is set for a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.connections import ConnectionTable
from api.http.errors import (
    BODY_BYTES_MAX,
    BodyTooLarge,
    HeadersTooLarge,
    RequestTimeout,
    UriTooLong,
)
from application.errors import Overloaded
from domain.errors import InvalidRequest, LedgerError

PACKET_BYTES: Final = 16_384
"""More at once is parsed in parts, with a look at the limits between them."""
HEADER_EXTRA_BYTES: Final = 4
"""A colon, a space, CR and LF."""


class Reading(Enum):
    """How far the parser is."""

    NOTHING = "between requests"
    HEAD = "in the request line or the headers"
    BODY = "after the headers"


class _Violation(Exception):
    """Ends the parsing; why stands in `_reason`."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection of the API."""

    def __init__(
        self, table: ConnectionTable, to_bytes: Callable[[LedgerError], bytes], **facts: Any
    ) -> None:
        super().__init__(**facts)
        self.peer = ""
        self._table = table
        self._limits = table.limits
        self._to_bytes = to_bytes
        limits = table.limits
        self._harmless_bytes = min(limits.url_bytes, limits.headers_bytes) - limits.headers
        """A head within one packet of this size is within its limits of bytes."""
        self._reading = Reading.NOTHING
        self._stamped: Reading | None = Reading.NOTHING
        """What `_since` belongs to; None when a message began in this packet."""
        self._since = 0.0
        self._wire_bytes = 0
        """Of this head or body, from its second packet on."""
        self._packet_bytes = 0
        self._answered = False
        """At least one request was."""
        self._stalled_since: float | None = None
        self._reason: LedgerError | None = None
        self._ending = False
        """Nothing more is parsed; `_reason` may still wait for the answers before it."""
        self._closing = False
        """Everything was said; what still comes is thrown away until the linger is over."""

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, or turn it away."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.peer = self.client[0] if self.client else ""
        self._since = self.loop.time()
        if not self._table.admit(self):
            self._ending = True
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._table.forget(self)
        self._ending = True
        super().connection_lost(exc)

    def evict(self) -> None:
        """Close for a new connection; a request that is not here yet is not answered any more."""
        self._ending = True
        self._disconnect_application()
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """The client does not read: from now on it is the one that is waited for."""
        super().pause_writing()
        self._stalled_since = self.loop.time()
        self._table.mark_waiting(self)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._stalled_since = None
        if self._serving and self._reading is not Reading.BODY:
            self._table.mark_active(self)

    # What comes in.

    def data_received(self, data: bytes) -> None:
        """Parse a packet, within the limits."""
        if self._ending:
            self._discard(len(data))
            return
        try:
            if len(data) <= PACKET_BYTES:
                self._packet_bytes = len(data)
                self.parser.feed_data(data)
                if self._reading is not Reading.NOTHING:
                    self._check_unfinished(len(data))
            else:
                self._feed_in_parts(data)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # nothing is upgraded, and the parser has ended
        except (httptools.HttpParserError, _Violation):
            reason = InvalidRequest.of("request", "this is not HTTP/1.1")
            self._refuse(self._reason or reason)

    def _feed_in_parts(self, data: bytes) -> None:
        for start in range(0, len(data), PACKET_BYTES):
            part = data[start : start + PACKET_BYTES]
            self._packet_bytes = len(part)
            self.parser.feed_data(part)
            if self._reading is not Reading.NOTHING:
                self._check_unfinished(len(part))

    def _discard(self, size: int) -> None:
        self._wire_bytes += size
        if self._wire_bytes > self._limits.linger_bytes:
            self.transport.abort()

    def _check_unfinished(self, size: int) -> None:
        """A head or a body goes on after this packet: stamp it, or count and compare.

        Raises:
            _Violation: a limit is passed.
        """
        if self._stamped is not self._reading:
            self._stamped = self._reading
            self._since = self.loop.time()
            self._wire_bytes = 0
        else:
            self._wire_bytes += size
        if self._reading is Reading.BODY:
            if self._wire_bytes > self._limits.body_wire_bytes:
                self._violate(BodyTooLarge(limit_bytes=BODY_BYTES_MAX))
            if len(self.headers) > self._limits.headers:  # trailers
                self._violate(self._headers_too_large())
        else:
            self._check_head()
            unseen = self._wire_bytes - len(self.url)  # a header that has not ended yet
            if unseen > self._limits.headers_bytes:
                self._violate(self._headers_too_large())

    def _check_head(self) -> None:
        if len(self.url) > self._limits.url_bytes:
            self._violate(UriTooLong(limit_bytes=self._limits.url_bytes))
        size = HEADER_EXTRA_BYTES * len(self.headers)
        for name, value in self.headers:
            size += len(name) + len(value)
        if len(self.headers) > self._limits.headers or size > self._limits.headers_bytes:
            self._violate(self._headers_too_large())

    def _headers_too_large(self) -> HeadersTooLarge:
        limits = self._limits
        return HeadersTooLarge(limit_headers=limits.headers, limit_bytes=limits.headers_bytes)

    def _violate(self, reason: LedgerError) -> NoReturn:
        self._reason = reason
        raise _Violation

    # What the parser says.

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._reading = Reading.HEAD
        self._stamped = None

    def on_headers_complete(self) -> None:
        """The last moment before the application is started."""
        if self._stamped is not None or self._packet_bytes > self._harmless_bytes:
            self._check_head()
        if len(self.headers) > self._limits.headers:
            self._violate(self._headers_too_large())
        if len(self.pipeline) >= self._limits.pipelined:
            self._violate(Overloaded(reason="too many requests wait on one connection"))
        super().on_headers_complete()
        self._reading = Reading.BODY
        self.headers = []  # trailers go here, not among the headers that the application reads

    def on_message_complete(self) -> None:
        """All of a request is here."""
        super().on_message_complete()
        self._reading = Reading.NOTHING
        if self.cycle.response_complete:
            self._since = self.loop.time()
        else:
            self._table.mark_active(self)

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for it; uvicorn would set a timer here."""
        self.server_state.total_requests += 1
        self._answered = True
        if self._reading is Reading.NOTHING:
            self._since = self.loop.time()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._ending:
            self._say_last()
        else:
            self._table.mark_waiting(self)

    # How it ends.

    @property
    def _serving(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, reason: LedgerError) -> None:
        """Answer with the refusal in its turn, then close. What was asked before is answered."""
        self._reason, self._ending, self._wire_bytes = reason, True, 0
        if self._reading is Reading.BODY:
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
                return
            if self.cycle.response_started:
                self._reason = None  # the client has its answer
            self._disconnect_application()
            self._say_last()
        elif not self._serving:
            self._say_last()

    def _disconnect_application(self) -> None:
        if self._serving:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _say_last(self) -> None:
        if self.transport.is_closing():
            return
        if self._reason is not None:
            self.transport.write(self._to_bytes(self._reason))
        self._closing, self._since, self._wire_bytes = True, self.loop.time(), 0
        self.flow.resume_reading()
        self.transport.write_eof()

    def check(self, now: float) -> None:
        """The sweep: which limit has passed?"""
        limits, waited = self._limits, now - self._since
        stalled = now - self._stalled_since if self._stalled_since is not None else 0.0
        if stalled > limits.write_seconds or (self._closing and waited > limits.linger_seconds):
            self.transport.abort()
        elif self._ending:
            pass  # the answers before the refusal are on their way, each with its own limits
        elif self._reading is Reading.NOTHING:
            if not self._serving:
                self._check_idle(waited)
        elif self._reading is Reading.HEAD:
            if waited > limits.headers_seconds:
                self._late("headers", limits.headers_seconds)
        elif self.pipeline:
            self._since = now  # it is we who do not read on
        elif waited > limits.body_seconds:
            self._late("body", limits.body_seconds)

    def _late(self, part: str, seconds: float) -> None:
        self._refuse(RequestTimeout(part=part, limit_seconds=round(seconds)))

    def _check_idle(self, waited: float) -> None:
        limits = self._limits
        if waited > limits.write_seconds and self.transport.get_write_buffer_size():
            self.transport.abort()
        elif waited > (limits.idle_seconds if self._answered else limits.first_byte_seconds):
            self.transport.close()
