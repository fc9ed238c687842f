"""Writing answers: JSON, the position, ETags, lists with cursors."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from api import blocking
from api.http.messages import HttpResponse
from api.http.operation import Call
from api.tokens import Tokens
from application.command import Outcome
from application.errors import NotCaughtUp
from domain.errors import InvalidRequest
from projections._read_model import ReadModel

T = TypeVar("T")

CAUGHT_UP_SECONDS: Final = 5.0
_POLL_SECONDS = 0.02
_CURSOR_CHARS_MAX = 80


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list; `next_cursor` is null on the last one."""

    data: list[T]
    next_cursor: str | None


def json_response(
    view: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """A JSON body that nobody may keep."""
    return HttpResponse(
        msgspec.json.encode(view),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def command_response(outcome: Outcome, view: Any, *, status: int = 200) -> HttpResponse:
    """The answer to a command: where the log stands, and whether it was told before."""
    headers = {"Ledger-Position": str(outcome.position)}
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_response(view, status=status, headers=headers)


def conditional_response(call: Call, view: Any, tag: str) -> HttpResponse:
    """A JSON body with an ETag, or 304 if the caller has it."""
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept, Authorization"}
    known = {
        one.strip().removeprefix("W/")
        for one in call.request.headers.get("if-none-match", "").split(",")
    }
    if tag in known or "*" in known:
        return HttpResponse(b"", status_code=304, media_type="application/json", headers=headers)
    return json_response(view, headers=headers)


async def caught_up(call: Call, model: type[ReadModel], at_least: int | None) -> None:
    """Wait until a read model has taken a position in.

    Raises:
        NotCaughtUp: it has not after 5 s.
    """
    if not at_least:
        return
    until = time.monotonic() + CAUGHT_UP_SECONDS
    pause = _POLL_SECONDS
    while True:
        position = await blocking.read(call.services.read_models.position, model)
        if position >= at_least:
            return
        if time.monotonic() > until:
            raise NotCaughtUp(position=position, at_least=at_least)
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.2)


def write_cursor(tokens: Tokens, position: int) -> str:
    """An opaque place in a list: stays valid while rows arrive."""
    text = str(position)
    raw = f"{text}.{tokens.for_cursor(text)}".encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(tokens: Tokens, cursor: str | None) -> int | None:
    """The position in a cursor.

    Raises:
        InvalidRequest: not one we wrote.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text, _, check = base64.urlsafe_b64decode(padded.encode("ascii")).decode().partition(".")
        ours = len(cursor) <= _CURSOR_CHARS_MAX and tokens.is_cursor(text, check)
    except ValueError:
        ours = False
    if not ours or write_cursor(tokens, int(text)) != cursor.rstrip("="):  # base64 is lenient
        raise InvalidRequest.of("cursor", "is not a cursor of this list")
    return int(text)


def page_of(
    call: Call, rows: Sequence[Any], limit: int, view: Callable[[Any], T], key: Callable[[Any], int]
) -> Page[T]:
    """A page from up to `limit` + 1 rows: the one too many says that there is a next page."""
    shown = rows[:limit]
    more = len(rows) > limit
    cursor = write_cursor(call.services.tokens, key(shown[-1])) if more else None
    return Page([view(row) for row in shown], cursor)
