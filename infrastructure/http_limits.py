"""What the HTTP protocol needs from its surroundings: limits, a connection table, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Limits(Protocol):
    """The limits of one connection. Sizes are in bytes, times in seconds."""

    @property
    def headers(self) -> int:
        """Headers of a request."""

    @property
    def headers_bytes(self) -> int:
        """Headers of a request: names, values, and 4 bytes per header for separators."""

    @property
    def url_bytes(self) -> int:
        """The request target."""

    @property
    def first_byte_seconds(self) -> float:
        """From accepting a connection to the first byte of its first request."""

    @property
    def headers_seconds(self) -> float:
        """From the first byte of a request to the end of its headers."""

    @property
    def body_seconds(self) -> float:
        """From the end of the headers to the end of the body."""

    @property
    def body_wire_bytes(self) -> int:
        """A body as sent, with chunk sizes, chunk extensions and trailers."""

    @property
    def idle_seconds(self) -> float:
        """Between two requests."""

    @property
    def write_seconds(self) -> float:
        """Without the client reading any of a response."""

    @property
    def linger_seconds(self) -> float:
        """From a refusal to closing the connection."""

    @property
    def linger_bytes(self) -> int:
        """Received and discarded after a refusal."""

    @property
    def pipelined(self) -> int:
        """Requests that may wait for the one being processed."""


class Table(Protocol):
    """The connections of one port."""

    @property
    def limits(self) -> Limits:
        """The limits of every connection."""

    def admit(self, connection: Any, /) -> bool:
        """Count a connection that was accepted, as waiting; False if there is no room for it."""

    def forget(self, connection: Any, /) -> None:
        """Stop counting a connection; idempotent."""

    def mark_waiting(self, connection: Any, /) -> None:
        """The next step is the client's."""

    def mark_active(self, connection: Any, /) -> None:
        """The next step is the server's."""

    async def sweep(self, now: Callable[[], float], /) -> None:
        """Call `check` of every connection again and again; `now` is the event loop's clock."""


class Refusals(Protocol):
    """Complete HTTP/1.1 responses to requests that the application never receives."""

    def malformed(self) -> bytes:
        """The request is not HTTP/1.1."""

    def uri_too_long(self) -> bytes:
        """The request target is over its limit."""

    def headers_too_large(self) -> bytes:
        """The headers are over one of their limits."""

    def body_too_large(self) -> bytes:
        """The body is over its limit."""

    def timed_out(self, part: str, seconds: float) -> bytes:
        """A part of the request, `headers` or `body`, took longer than its limit."""

    def too_many_requests_waiting(self) -> bytes:
        """Too many pipelined requests."""
