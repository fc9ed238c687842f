"""The events of the log, for auditors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from api import blocking
from api.context import Services
from api.http.accept import preferred
from api.http.fields import Limit, Position, SessionId
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, none_if_unset
from api.http.streaming import StreamedResponse
from api.v1.lists import Page
from api.v1.responses import json_response
from api.views.events import EventView, event_view
from application.event_log import PAGE_EVENTS_MAX, Recorded, history
from application.ports.event_lines import LinesWanted
from domain import ids
from domain.errors import InvalidRequest

NDJSON: Final = "application/x-ndjson"
JSON: Final = "application/json"
LIMIT_DEFAULT: Final = 20

EXAMINED_EVENTS_MAX: Final = 10 * PAGE_EVENTS_MAX
"""How many events one request examines for a rare type before it returns a shorter page."""


class EventsQuery(Query):
    """Filters of the list. `cursor` is the `next_cursor` of the previous page."""

    after: Position = 0
    cursor: Annotated[int, Meta(ge=0, le=2**62)] | UnsetType = UNSET
    limit: Limit | UnsetType = UNSET
    type: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$(?!\n)")] | UnsetType = UNSET
    session: SessionId | UnsetType = UNSET


class EventRoutes:
    """The operations on the log."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="listEvents", method="GET", path="/v1/events",
                summary="List the events of the log after a position, oldest first",
                description=(
                    "`next_cursor` is null at the end of the log; to continue later, set `after` "
                    "to the position of the last event received. With `Accept: "
                    "application/x-ndjson` all events up to the head of the log, which "
                    "`Ledger-Position` names, are streamed, one line each; `limit` and `cursor` "
                    "are for pages only. A key may read two streams at a time. A stream that ends "
                    "too early is not completed: set `after` to the last whole line's position."
                ),
                callers=frozenset({CallerRole.AUDITOR}),
                media_types=(NDJSON,), problems=("too-many-streams",),
                responses={200: Page[EventView]}, handler=self.list,
            )
        ]  # fmt: skip

    async def list(self, call: Call, query: EventsQuery) -> HttpResponse:
        """A page of the log, or a stream of all its lines."""
        if preferred(call.request.header(b"accept"), (NDJSON, JSON)) == NDJSON:
            return await self._stream(call, query)
        cursor = none_if_unset(query.cursor)
        after = query.after if cursor is None else cursor
        find = self._of_log if query.session is UNSET else self._of_session
        events, next_position = await blocking.read(find, query, after)
        next_cursor = str(next_position) if next_position is not None else None
        return json_response(Page([event_view(event) for event in events], next_cursor))

    async def _stream(self, call: Call, query: EventsQuery) -> HttpResponse:
        for name in ("limit", "cursor"):
            if getattr(query, name) is not UNSET:
                raise InvalidRequest.of(name, "is for pages, not for streams")
        head = await blocking.read(self._services.log.head)
        wanted = LinesWanted(
            after=query.after,
            up_to=head,
            topic=none_if_unset(query.type) or "",
            stream="" if query.session is UNSET else str(ids.decode("ps", str(query.session))),
        )
        blocks = await self._services.event_lines.open(wanted, call.identity.actor)
        headers = {"Ledger-Position": str(head)}
        return StreamedResponse(blocks, call.request, media_type=NDJSON, headers=headers)

    def _of_session(self, query: EventsQuery, after: int) -> tuple[Sequence[Recorded], int | None]:
        events = history(self._services.log, ids.decode("ps", str(query.session)))
        matching = [e for e in events if e.position > after and query.type in {UNSET, e.topic}]
        limit = _limit(query)
        page = matching[:limit]
        return page, page[-1].position if len(matching) > limit else None

    def _of_log(self, query: EventsQuery, after: int) -> tuple[Sequence[Recorded], int | None]:
        """The next events and the position to continue after; None at the end of the log."""
        log, limit = self._services.log, _limit(query)
        if query.type is UNSET:
            events = log.read(after, limit + 1)
            page = events[:limit]
            return page, page[-1].position if len(events) > limit else None
        matching: list[Recorded] = []
        for _ in range(EXAMINED_EVENTS_MAX // PAGE_EVENTS_MAX):
            events = log.read(after, PAGE_EVENTS_MAX)
            for event in events:
                after = event.position
                if event.topic == query.type:
                    matching.append(event)
                if len(matching) == limit:
                    return matching, after
            if len(events) < PAGE_EVENTS_MAX:
                return matching, None
        return matching, after


def _limit(query: EventsQuery) -> int:
    return LIMIT_DEFAULT if query.limit is UNSET else int(query.limit)
