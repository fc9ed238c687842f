"""Responses with a JSON body, and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from api import pictures
from api.http.messages import HttpResponse
from api.http.operation import Call
from api.pictures import Check
from application.command import Outcome
from application.ports.pictures import Drawing

_encode: Final = msgspec.json.Encoder().encode
"""Without the encoder that `msgspec.json.encode` makes for each call."""
PICTURE_HEADERS: Final = {
    # A browser styles a picture opened on its own with inline CSS; nothing may run in it.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}


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


def command_response(
    outcome: Outcome, view: Any, *, status: int = 200, location: str = ""
) -> HttpResponse:
    """The response to a command: the log's position, and whether it is a replay.

    Args:
        outcome: of the command.
        view: the body.
        status: 201 for what now has an address of its own, which is the `location`.
        location: absolute.
    """
    headers = {"Ledger-Position": str(outcome.position)}
    if location:
        headers["Location"] = location
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_response(view, status=status, headers=headers)


def is_known(call: Call, etag: str) -> bool:
    """Whether the caller has this version already (RFC 9110, 13.1.2)."""
    known = known_etags(call)
    return etag in known or "*" in known


def known_etags(call: Call) -> set[str]:
    """The tags of `If-None-Match`; `*` stands for any."""
    header = call.request.header(b"if-none-match") or ""
    return {value.strip().removeprefix("W/") for value in header.split(",")}


def conditional_response(call: Call, view: Any, etag: str) -> HttpResponse:
    """A JSON body with an ETag, or 304 if the caller has this version."""
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept, Authorization"}
    if is_known(call, etag):
        return HttpResponse(b"", status_code=304, media_type="application/json", headers=headers)
    return json_response(view, headers=headers)


async def picture_response(
    call: Call, drawing: Drawing, media_type: str, check: Check, *, caching: str
) -> HttpResponse:
    """A picture with an ETag of its content, or 304 if the caller has it: that costs nothing.

    Raises:
        LedgerError: see `PictureCache.get`.
    """
    etag, known = pictures.etag(drawing), known_etags(call)
    headers = {**PICTURE_HEADERS, "ETag": etag, "Cache-Control": caching}
    data = b"" if etag in known else await call.services.pictures.get(drawing, check)
    if etag in known or "*" in known:
        return HttpResponse(b"", status_code=304, media_type=media_type, headers=headers)
    return HttpResponse(data, media_type=media_type, headers=headers)
