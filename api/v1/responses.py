"""Responses with a JSON body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from api.http.messages import HttpResponse
from api.http.operation import Call
from application.command import Outcome

_encode: Final = msgspec.json.Encoder().encode
"""Without the encoder that `msgspec.json.encode` makes for each call."""


def json_response(
    view: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """A JSON body that must not be cached."""
    return HttpResponse(
        _encode(view),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def command_response(outcome: Outcome, view: Any, *, status: int = 200) -> HttpResponse:
    """The response to a command: the log's position, and whether it is a replay."""
    headers = {"Ledger-Position": str(outcome.position)}
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_response(view, status=status, headers=headers)


def is_known(call: Call, etag: str) -> bool:
    """Whether the caller has this version already (`If-None-Match`; RFC 9110, 13.1.2)."""
    header = call.request.header(b"if-none-match") or ""
    known = {value.strip().removeprefix("W/") for value in header.split(",")}
    return etag in known or "*" in known


def conditional_response(call: Call, view: Any, etag: str) -> HttpResponse:
    """A JSON body with an ETag, or 304 if the caller has this version."""
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept, Authorization"}
    if is_known(call, etag):
        return HttpResponse(b"", status_code=304, media_type="application/json", headers=headers)
    return json_response(view, headers=headers)
