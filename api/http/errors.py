"""The one table from kind of error to HTTP status, and problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final

from application import request_context
from application.errors import LogUnavailable, Overloaded
from domain.errors import ErrorKind, LedgerError

PROBLEM_JSON: Final = "application/problem+json"
RETRY_SECONDS: Final = 1
BODY_BYTES_MAX: Final = 16_384

STATUSES: Final[Mapping[ErrorKind, HTTPStatus]] = {
    ErrorKind.INVALID: HTTPStatus.BAD_REQUEST,
    ErrorKind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ErrorKind.INSUFFICIENT_FUNDS: HTTPStatus.PAYMENT_REQUIRED,
    ErrorKind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorKind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorKind.TIMEOUT: HTTPStatus.REQUEST_TIMEOUT,
    ErrorKind.CONFLICT: HTTPStatus.CONFLICT,
    ErrorKind.BUSY: HTTPStatus.CONFLICT,
    ErrorKind.EXPIRED: HTTPStatus.GONE,
    ErrorKind.UNPROCESSABLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorKind.KEY_REUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorKind.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorKind.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorKind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class ProtocolError(LedgerError):
    """A request that HTTP itself has a status for; each class states it."""

    kind = ErrorKind.INVALID
    status: ClassVar[HTTPStatus]


class MethodNotAllowed(ProtocolError):
    """The path exists, but not with this method."""

    code = "method-not-allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED
    title = "Method not allowed"
    sentence = "This path does not support {method}."


class BodyTooLarge(ProtocolError):
    """The body is larger than 16 KiB."""

    code = "body-too-large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    title = "Body is too large"
    sentence = "A body may have at most {limit_bytes} bytes."


class UriTooLong(ProtocolError):
    """The request target is longer than 8 KiB; the connection is closed."""

    code = "uri-too-long"
    status = HTTPStatus.REQUEST_URI_TOO_LONG
    title = "Request target is too long"
    sentence = "A request target may have at most {limit_bytes} bytes."


class HeadersTooLarge(ProtocolError):
    """The request has more than 100 headers or 16 KiB of them; the connection is closed."""

    code = "headers-too-large"
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    title = "Headers are too large"
    sentence = "A request may have at most {limit_headers} headers of {limit_bytes} bytes in total."


class UnsupportedMediaType(ProtocolError):
    """The body is not JSON."""

    code = "unsupported-media-type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    title = "Body must be JSON"
    sentence = "The body must be sent as application/json, not {media_type}."


class RequestTimeout(LedgerError):
    """The headers took longer than 10 s or the body longer than 30 s; the connection is closed."""

    code = "request-timeout"
    kind = ErrorKind.TIMEOUT
    title = "Request took too long to arrive"
    sentence = "The {part} of a request must arrive within {limit_seconds} seconds."


class TooManyRequests(LedgerError):
    """The API key or the IP address exceeds its rate limit."""

    code = "too-many-requests"
    kind = ErrorKind.RATE_LIMITED
    title = "Too many requests"
    sentence = "The rate limit is {limit} requests per second."


class ForeignOrigin(LedgerError):
    """A browser's request that changes something does not come from a page of this ledger."""

    code = "foreign-origin"
    kind = ErrorKind.FORBIDDEN
    title = "Not a request of our own page"
    sentence = "The request does not come from a page of this ledger."


class NotReady(LedgerError):
    """The database is unavailable, a read model lags, or a loop of the worker is halted."""

    code = "not-ready"
    kind = ErrorKind.UNAVAILABLE
    title = "Not ready"
    sentence = "Not ready: {reason}."


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal as an HTTP response: status, headers and problem document."""

    status: HTTPStatus
    headers: dict[str, str]
    document: dict[str, Any]


def status_of(error: type[LedgerError]) -> HTTPStatus:
    """The HTTP status of a class of errors: by its kind, or its own."""
    return error.status if issubclass(error, ProtocolError) else STATUSES[error.kind]


def to_problem(error: LedgerError) -> Problem:
    """Describe a refusal to the caller: the fixed members, then its facts.

    `type` is absolute, and `request_id` is there, while a request is served. `LogUnavailable`
    becomes `Overloaded`: callers need not know which part is unavailable.
    """
    if isinstance(error, LogUnavailable):
        error = Overloaded(reason="the database is unavailable")
    status = status_of(type(error))
    headers = {"Cache-Control": "no-store"}
    if error.transient:
        headers["Retry-After"] = str(error.facts.get("retry_after_seconds", RETRY_SECONDS))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.replayed:
        headers["Idempotent-Replayed"] = "true"
    context = request_context.current()
    document = {
        "type": f"{context.origin if context else ''}/problems/{error.code}",
        **({"request_id": context.request_id} if context else {}),
        "title": error.title,
        "status": status.value,
        "detail": error.detail,
        "code": error.code,
        "transient": error.transient,
        **error.facts,
    }
    return Problem(status, headers, document)
