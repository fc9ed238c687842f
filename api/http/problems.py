"""Responses to refusals, to the framework's own errors, and to unexpected exceptions."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from api.http.errors import (
    BODY_BYTES_MAX,
    PROBLEM_JSON,
    BodyTooLarge,
    MethodNotAllowed,
    to_problem,
)
from api.http.messages import DefaultHeaders, HttpResponse
from application import request_context
from application.errors import InternalError, NotFound, Unauthorized
from domain.errors import InvalidRequest, LedgerError

if TYPE_CHECKING:  # processes without HTTP write problems, too, and the framework is slow to load
    from litestar.exceptions import HTTPException

_log = logging.getLogger(__name__)


def to_response(error: LedgerError) -> HttpResponse:
    """Respond with the problem document of a refusal."""
    problem = to_problem(error)
    return HttpResponse(
        msgspec.json.encode(problem.document),
        status_code=problem.status.value,
        media_type=PROBLEM_JSON,
        headers=problem.headers,
    )


def to_bytes(error: LedgerError, default_headers: DefaultHeaders) -> bytes:
    """Write the response as HTTP/1.1, for a connection that is closed afterwards.

    The application has not seen the request, so it gets a new id.
    """
    token = request_context.enter(default_headers.request_ids.new())
    try:
        response = to_response(error)
        defaults = default_headers.of(response)
    finally:
        request_context.leave(token)
    status = HTTPStatus(response.status_code)
    headers = {
        **defaults,
        "Content-Type": response.media_type,
        "Content-Length": str(len(response.body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + response.body


def on_http_error(method: str, error: HTTPException) -> HttpResponse:
    """Respond to an error of the framework, such as an unknown path or too large a body."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return to_response(NotFound(thing="address"))
        case HTTPStatus.METHOD_NOT_ALLOWED:
            response = to_response(MethodNotAllowed(method=method))
            response.headers = {**response.headers, **(error.headers or {})}
            return response
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return to_response(BodyTooLarge(limit_bytes=BODY_BYTES_MAX))
        case HTTPStatus.UNAUTHORIZED:
            return to_response(Unauthorized(reason="A valid API key is required"))
        case HTTPStatus.BAD_REQUEST:  # an invalid Host header or Content-Length
            return to_response(InvalidRequest.of("request", str(error.detail)[:200]))
        case _:
            return on_any_error(method, "", error)


def on_any_error(method: str, name: str, error: Exception) -> HttpResponse:
    """Log an unexpected exception with its traceback, and respond without details."""
    _log.error("%s %s failed", method, name or "a request", exc_info=error)
    return to_response(InternalError())
