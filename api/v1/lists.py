"""Lists: pages with opaque cursors, and the wait for a read model."""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from api import blocking
from api.http.fields import Limit, Position
from api.http.operation import Call
from api.http.parsing import Query
from api.tokens import Tokens
from application.errors import NotCaughtUp
from domain.errors import InvalidRequest
from projections._read_model import ReadModel

CATCH_UP_SECONDS: Final = 5.0
LAG_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02
_POLL_SECONDS_MAX: Final = 0.2
_CURSOR_CHARS_MAX: Final = 120
_POSITION: Final = re.compile("0|[1-9][0-9]{0,18}")

Row = TypeVar("Row")
View = TypeVar("View")


class ListQuery(Query):
    """Which page of a list of a read model."""

    limit: Limit = 20
    cursor: str | UnsetType = UNSET
    at_least: Position | UnsetType = UNSET


class Page(msgspec.Struct, Generic[View], frozen=True):
    """A page of a list; `next_cursor` is null on the last page."""

    data: list[View]
    next_cursor: str | None


def page_of(
    call: Call,
    rows: Sequence[Row],
    limit: int,
    view: Callable[[Row], View],
    position: Callable[[Row], int],
) -> Page[View]:
    """A page of views.

    Args:
        call: the request.
        rows: up to `limit` + 1 rows; one more than `limit` means that there is another page.
        limit: the maximum number of views on the page.
        view: the view of a row.
        position: the position by which the list is ordered.
    """
    visible = rows[:limit]
    more = len(rows) > limit
    cursor = write_cursor(call.services.tokens, position(visible[-1])) if more else None
    return Page([view(row) for row in visible], cursor)


def write_cursor(tokens: Tokens, position: int) -> str:
    """An opaque cursor after a position; it stays valid while rows are added."""
    return sign_cursor(tokens, str(position))


def read_cursor(tokens: Tokens, cursor: str | None) -> int | None:
    """The position of a cursor; None if there is no cursor.

    Raises:
        InvalidRequest: not exactly the text that `write_cursor` returns for a position.
    """
    if cursor is None:
        return None
    text = verify_cursor(tokens, cursor)
    if not _POSITION.fullmatch(text):
        raise InvalidRequest.of("cursor", "is not a cursor of this list")
    return int(text)


def sign_cursor(tokens: Tokens, text: str) -> str:
    """An opaque cursor of a text without dots, which says where a list continues."""
    raw = f"{text}.{tokens.for_cursor(text)}".encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def verify_cursor(tokens: Tokens, cursor: str) -> str:
    """The text of a cursor.

    Raises:
        InvalidRequest: not exactly what `sign_cursor` returns for a text.
    """
    text: str | None = None
    if len(cursor) <= _CURSOR_CHARS_MAX:
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            raw = base64.urlsafe_b64decode(padded.encode("ascii")).decode()
            text = raw.partition(".")[0]
        except ValueError:
            text = None
    unpadded = cursor.rstrip("=")
    if text is None or not hmac.compare_digest(sign_cursor(tokens, text), unpadded):
        raise InvalidRequest.of("cursor", "is not a cursor of this list")
    return text


async def caught_up(call: Call, model: type[ReadModel], at_least: int | None) -> None:
    """Wait until a read model has reached a position that the caller names.

    Raises:
        NotCaughtUp: it has not reached the position after 5 s.
    """
    await _reached(call, model, at_least or 0, CATCH_UP_SECONDS)


async def caught_up_with_log(call: Call, model: type[ReadModel], position: int) -> None:
    """Wait until a read model has reached a position that exists, so it will soon.

    Raises:
        NotCaughtUp: it has not reached the position after 5 s.
    """
    await _reached(call, model, position, LAG_SECONDS)


async def _reached(call: Call, model: type[ReadModel], at_least: int, seconds: float) -> None:
    if not at_least:
        return
    deadline = time.monotonic() + seconds
    pause = _POLL_SECONDS
    while True:
        position = await blocking.read(call.services.read_models.position, model)
        if position >= at_least:
            return
        if time.monotonic() > deadline:
            raise NotCaughtUp(position=position, at_least=at_least)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _POLL_SECONDS_MAX)
