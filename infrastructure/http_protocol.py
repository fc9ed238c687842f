"""uvicorn's protocol over httptools, with limits on headers, bodies, time and pipelining.

httptools passes headers on one by one without a limit, and uvicorn starts its only timer after the
first response. This class checks a request when its headers are complete and, until then, after
every packet. The sweep of the connection table calls `check`, so no request needs a timer.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, Final, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from infrastructure.http_limits import Refusals, Table

PACKET_BYTES: Final = 16_384
"""Larger packets are parsed in parts, and the limits are checked after each part."""
HEADER_EXTRA_BYTES: Final = 4
"""A colon, a space, CR and LF."""


class Reading(Enum):
    """The state of the parser."""

    NOTHING = "between requests"
    HEAD = "in the request line or the headers"
    BODY = "after the headers"


class _Violation(Exception):
    """Stops the parser; `_refusal` holds the response."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection to the API."""

    def __init__(self, table: Table, refusals: Refusals, **uvicorn_arguments: Any) -> None:
        super().__init__(**uvicorn_arguments)
        self.peer = ""
        self._table = table
        self._limits = table.limits
        self._refusals = refusals
        limits = table.limits
        self._harmless_bytes = min(limits.url_bytes, limits.headers_bytes) - limits.headers
        """A request head within one packet of this size cannot exceed the limits in bytes."""
        self._reading = Reading.NOTHING
        self._stamped: Reading | None = Reading.NOTHING
        """The state that `_since` refers to; None if a message began in the current packet."""
        self._since = 0.0
        self._wire_bytes = 0
        """Bytes of the current head or body, from its second packet on."""
        self._packet_bytes = 0
        self._has_responded = False
        """At least one response is complete."""
        self._stalled_since: float | None = None
        self._refusal: bytes | None = None
        """The last response, sent after those to earlier requests."""
        self._ending = False
        """Nothing more is parsed; `_refusal` may still wait for earlier responses."""
        self._closing = False
        """Every response was sent; received bytes are discarded until the linger time is over."""

    # Connection events.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection, or abort it if there is no room."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.peer = self.client[0] if self.client else ""
        self._since = self.loop.time()
        if not self._table.admit(self):
            self._ending = True
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the connection."""
        self._table.forget(self)
        self._ending = True
        super().connection_lost(exc)

    def evict(self) -> None:
        """Close in favor of a new connection; an incomplete request gets no response."""
        self._ending = True
        self._disconnect_application()
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """The client does not read: the next step is the client's."""
        super().pause_writing()
        self._stalled_since = self.loop.time()
        self._table.mark_waiting(self)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._stalled_since = None
        if self._serving and self._reading is not Reading.BODY:
            self._table.mark_active(self)

    # Received data.

    def data_received(self, data: bytes) -> None:
        """Parse a packet within the limits."""
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
            self.cycle.keep_alive = False  # no upgrade is supported, and the parser has stopped
        except (httptools.HttpParserError, _Violation):
            self._refuse(self._refusal or self._refusals.malformed())

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
        """Check a head or a body that continues after this packet.

        Raises:
            _Violation: a limit is exceeded.
        """
        if self._stamped is not self._reading:
            self._stamped = self._reading
            self._since = self.loop.time()
            self._wire_bytes = 0
        else:
            self._wire_bytes += size
        if self._reading is Reading.BODY:
            if self._wire_bytes > self._limits.body_wire_bytes:
                self._violate(self._refusals.body_too_large())
            if len(self.headers) > self._limits.headers:  # trailers
                self._violate(self._refusals.headers_too_large())
        else:
            self._check_head()
            unparsed = self._wire_bytes - len(self.url)  # the header that is incomplete
            if unparsed > self._limits.headers_bytes:
                self._violate(self._refusals.headers_too_large())

    def _check_head(self) -> None:
        if len(self.url) > self._limits.url_bytes:
            self._violate(self._refusals.uri_too_long())
        size = HEADER_EXTRA_BYTES * len(self.headers)
        for name, value in self.headers:
            size += len(name) + len(value)
        if len(self.headers) > self._limits.headers or size > self._limits.headers_bytes:
            self._violate(self._refusals.headers_too_large())

    def _violate(self, refusal: bytes) -> NoReturn:
        self._refusal = refusal
        raise _Violation

    # Parser callbacks.

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._reading = Reading.HEAD
        self._stamped = None

    def on_headers_complete(self) -> None:
        """Check the request before the application starts."""
        if self._stamped is not None or self._packet_bytes > self._harmless_bytes:
            self._check_head()
        if len(self.headers) > self._limits.headers:
            self._violate(self._refusals.headers_too_large())
        if len(self.pipeline) >= self._limits.pipelined:
            self._violate(self._refusals.too_many_requests_waiting())
        super().on_headers_complete()
        self._reading = Reading.BODY
        self.headers = []  # trailers go here, not into the headers that the application reads

    def on_message_complete(self) -> None:
        """A request is complete."""
        super().on_message_complete()
        self._reading = Reading.NOTHING
        if self.cycle.response_complete:
            self._since = self.loop.time()
        else:
            self._table.mark_active(self)

    def on_response_complete(self) -> None:
        """Start the next request or wait for it, without the timer that uvicorn sets here."""
        self.server_state.total_requests += 1
        self._has_responded = True
        if self._reading is Reading.NOTHING:
            self._since = self.loop.time()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._ending:
            self._send_refusal()
        else:
            self._table.mark_waiting(self)

    # The end of a connection.

    @property
    def _serving(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, refusal: bytes) -> None:
        """Send a refusal after the responses to earlier requests, then close."""
        self._refusal, self._ending, self._wire_bytes = refusal, True, 0
        if self._reading is Reading.BODY:
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
                return
            if self.cycle.response_started:
                self._refusal = None  # the client has part of the response already
            self._disconnect_application()
            self._send_refusal()
        elif not self._serving:
            self._send_refusal()

    def _disconnect_application(self) -> None:
        if self._serving:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _send_refusal(self) -> None:
        if self.transport.is_closing():
            return
        if self._refusal is not None:
            self.transport.write(self._refusal)
        self._closing, self._since, self._wire_bytes = True, self.loop.time(), 0
        self.flow.resume_reading()
        self.transport.write_eof()

    def check(self, now: float) -> None:
        """Enforce the limits in time; called by the sweep of the table."""
        limits, waited = self._limits, now - self._since
        stalled = now - self._stalled_since if self._stalled_since is not None else 0.0
        if stalled > limits.write_seconds or (self._closing and waited > limits.linger_seconds):
            self.transport.abort()
        elif self._ending:
            pass  # earlier responses are being sent, each within its own limits
        elif self._reading is Reading.NOTHING:
            if not self._serving:
                self._check_idle(waited)
        elif self._reading is Reading.HEAD:
            if waited > limits.headers_seconds:
                self._refuse(self._refusals.timed_out("headers", limits.headers_seconds))
        elif self.pipeline:
            self._since = now  # reading is paused on our side
        elif waited > limits.body_seconds:
            self._refuse(self._refusals.timed_out("body", limits.body_seconds))

    def _check_idle(self, waited: float) -> None:
        limits = self._limits
        if waited > limits.write_seconds and self.transport.get_write_buffer_size():
            self.transport.abort()
        elif waited > (limits.idle_seconds if self._has_responded else limits.first_byte_seconds):
            self.transport.close()
