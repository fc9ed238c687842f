"""Responses to requests that the HTTP server refuses before the application receives them."""

from __future__ import annotations

from api.http.connections import ConnectionLimits
from api.http.errors import (
    BODY_BYTES_MAX,
    BodyTooLarge,
    HeadersTooLarge,
    RequestTimeout,
    UriTooLong,
)
from api.http.messages import DefaultHeaders
from api.http.problems import to_bytes
from application.errors import Overloaded
from domain.errors import InvalidRequest, LedgerError


class Refusals:
    """Problem documents as HTTP/1.1 bytes; the connection is closed after each of them."""

    def __init__(self, limits: ConnectionLimits, default_headers: DefaultHeaders) -> None:
        self._limits = limits
        self._default_headers = default_headers

    def malformed(self) -> bytes:
        """The request is not HTTP/1.1."""
        return self._write(InvalidRequest.of("request", "this is not HTTP/1.1"))

    def uri_too_long(self) -> bytes:
        """The request target is over its limit."""
        return self._write(UriTooLong(limit_bytes=self._limits.url_bytes))

    def headers_too_large(self) -> bytes:
        """The headers are over one of their limits."""
        limits = self._limits
        return self._write(
            HeadersTooLarge(limit_headers=limits.headers, limit_bytes=limits.headers_bytes)
        )

    def body_too_large(self) -> bytes:
        """The body is over its limit."""
        return self._write(BodyTooLarge(limit_bytes=BODY_BYTES_MAX))

    def timed_out(self, part: str, seconds: float) -> bytes:
        """A part of the request, `headers` or `body`, took longer than its limit."""
        return self._write(RequestTimeout(part=part, limit_seconds=round(seconds)))

    def too_many_requests_waiting(self) -> bytes:
        """Too many pipelined requests."""
        return self._write(Overloaded(reason="too many requests wait on one connection"))

    def _write(self, error: LedgerError) -> bytes:
        return to_bytes(error, self._default_headers)
