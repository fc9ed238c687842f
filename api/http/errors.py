"""The one table from error to status, and how a refusal is written (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from application.errors import (
    ApplicationError,
    LogUnavailable,
    Overloaded,
)
from domain.errors import LedgerError

PROBLEM_JSON: Final = "application/problem+json"
RETRY_SECONDS: Final = 1
BODY_BYTES_MAX: Final = 16_384


class MethodNotAllowed(ApplicationError):
    """The address exists, the method does not."""

    code = "method-not-allowed"
    title = "This address has no such method"
    sentence = "{method} is not served here."


class BodyTooLarge(ApplicationError):
    """More than 16 KiB."""

    code = "body-too-large"
    title = "The body is too large"
    sentence = "A body may have at most {limit_bytes} bytes."


class UriTooLong(ApplicationError):
    """The address of the request is longer than 8 KiB; the connection is closed."""

    code = "uri-too-long"
    title = "The address is too long"
    sentence = "The address of a request may have at most {limit_bytes} bytes."


class HeadersTooLarge(ApplicationError):
    """More than 100 headers, or more than 16 KiB of them; the connection is closed."""

    code = "headers-too-large"
    title = "The headers are too large"
    sentence = "A request may have at most {limit_headers} headers of {limit_bytes} bytes in total."


class RequestTimeout(ApplicationError):
    """The headers took longer than 10 s or the body longer than 30 s; the connection is closed."""

    code = "request-timeout"
    title = "The request took too long to arrive"
    sentence = "The {part} of a request must arrive within {limit_seconds} seconds."
    transient = True


class UnsupportedMediaType(ApplicationError):
    """Bodies are JSON."""

    code = "unsupported-media-type"
    title = "The body must be JSON"
    sentence = "The body must be sent as application/json, not {media_type}."


class TooManyRequests(ApplicationError):
    """The key, or the address, asks faster than it may."""

    code = "too-many-requests"
    title = "Too many requests"
    sentence = "At most {limit} requests a second are served to one caller."
    transient = True


class NotReady(ApplicationError):
    """The database is away, a read model lags, or a loop of the worker is halted."""

    code = "not-ready"
    title = "Not ready"
    sentence = "Not ready: {reason}."
    transient = True


STATUS: Final = {
    "session-expired": 410,
    "session-not-payable": 409,
    "session-claimed": 409,
    "claim-required": 409,
    "claims-exhausted": 409,
    "amount-mismatch": 422,
    "wallet-currency-mismatch": 422,
    "insufficient-funds": 402,
    "order-open": 409,
    "order-paid": 409,
    "balance-limit": 422,
    "reference-used": 409,
    "key-limit": 409,
    "invalid-qr": 422,
    "invalid-request": 400,
    "not-found": 404,
    "unauthorized": 401,
    "forbidden": 403,
    "not-caught-up": 503,
    "overloaded": 503,
    "idempotency-key-required": 400,
    "idempotency-key-reused": 422,
    "idempotency-in-progress": 409,
    "method-not-allowed": 405,
    "request-timeout": 408,
    "body-too-large": 413,
    "uri-too-long": 414,
    "headers-too-large": 431,
    "unsupported-media-type": 415,
    "too-many-requests": 429,
    "not-ready": 503,
    "log-unavailable": 503,
    "log-rejected": 500,
    "internal-error": 500,
}
"""Every code and its HTTP status; a test walks the tree of errors and finds each one here."""


def problem(error: LedgerError) -> dict[str, Any]:
    """The problem document: the fixed members, then the facts."""
    return {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": STATUS[error.code],
        "detail": error.detail,
        "code": error.code,
        "transient": error.transient,
        **{name: value for name, value in error.facts.items() if name != "reason"},
    }


def spoken(error: LedgerError) -> tuple[LedgerError, dict[str, str]]:
    """The refusal as the outside knows it, and the headers that go with it."""
    if isinstance(error, LogUnavailable):  # the outside has one word for it
        error = Overloaded(reason="the database is away")
    headers = {"Cache-Control": "no-store"}
    status = STATUS[error.code]
    if status in {429, 503} or error.transient:
        headers["Retry-After"] = str(error.facts.get("retry_after_seconds", RETRY_SECONDS))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.replayed:
        headers["Idempotent-Replayed"] = "true"
    return error, headers
