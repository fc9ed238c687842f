"""The events of the log: all of them for auditors, a merchant's own for the merchant."""

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
from api.v1.access import readable_session
from api.v1.lists import Page, caught_up
from api.v1.responses import json_response
from api.views.events import EventView, event_view, merchant_event_view
from application.errors import NotCaughtUp
from application.event_log import PAGE_EVENTS_MAX, Recorded, at_places, history
from application.ports.event_lines import LinesWanted
from domain import ids
from domain.errors import InvalidRequest
from projections.merchant_events import MerchantEvents

NDJSON: Final = "application/x-ndjson"
JSON: Final = "application/json"
LIMIT_DEFAULT: Final = 20

EXAMINED_EVENTS_MAX: Final = 10 * PAGE_EVENTS_MAX
"""How many events one request examines for a rare type before it returns a shorter page."""


EventTypeName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$(?!\n)",
        extra={"must": "must be a type of event such as payment_session.paid"},
    ),
]


class EventsQuery(Query):
    """Filters of the list. `cursor` is the `next_cursor` of the previous page."""

    at_least: Position | UnsetType = UNSET

    after: Position = 0
    cursor: Annotated[int, Meta(ge=0, le=2**62)] | UnsetType = UNSET
    limit: Limit | UnsetType = UNSET
    type: EventTypeName | UnsetType = UNSET
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
                    "too early is not completed: set `after` to the last whole line's position. "
                    "A merchant gets pages of its own events: of its sessions, payouts, static "
                    "codes, webhook endpoints and of itself. They may lag, so name the position "
                    "of your last command in `at_least`; with `session` they never do."
                ),
                callers=frozenset({CallerRole.AUDITOR, CallerRole.MERCHANT}),
                media_types=(NDJSON,),
                problems=("too-many-streams", "not-caught-up", "not-found"),
                responses={200: Page[EventView]}, handler=self.list,
            )
        ]  # fmt: skip

    async def list(self, call: Call, query: EventsQuery) -> HttpResponse:
        """A page of the log, or a stream of all its lines."""
        if call.identity.role is CallerRole.MERCHANT:
            return await self._own(call, query)
        if preferred(call.request.header(b"accept"), (NDJSON, JSON)) == NDJSON:
            return await self._stream(call, query)
        cursor = none_if_unset(query.cursor)
        after = query.after if cursor is None else cursor
        await self._reached(none_if_unset(query.at_least) or 0)
        find = self._of_log if query.session is UNSET else self._of_session
        events, next_position = await blocking.read(find, query, after)
        next_cursor = str(next_position) if next_position is not None else None
        return json_response(Page([event_view(event) for event in events], next_cursor))

    async def _own(self, call: Call, query: EventsQuery) -> HttpResponse:
        """A page of the merchant's own events."""
        livemode = self._services.config.livemode
        cursor = none_if_unset(query.cursor)
        after, limit = query.after if cursor is None else cursor, _limit(query)
        if query.session is not UNSET:
            current = await readable_session(call, ids.decode("ps", str(query.session)))
            found, next_position = await blocking.read(self._of_session, query, after)
            restricted = current.state.restricted
            views = [
                merchant_event_view(one, restricted=restricted, livemode=livemode) for one in found
            ]
            return json_response(Page(views, None if next_position is None else str(next_position)))
        await caught_up(call, MerchantEvents, none_if_unset(query.at_least))
        places = await blocking.read(
            self._services.read_models[MerchantEvents].of_merchant,
            call.identity.holder,
            after=after,
            event_type=none_if_unset(query.type),
            limit=limit + 1,
        )
        page = places[:limit]
        events = await blocking.read(at_places, self._services.log, page)
        more = len(places) > limit
        return json_response(
            Page(
                [
                    merchant_event_view(event, restricted=place.restricted, livemode=livemode)
                    for event, place in zip(events, page, strict=True)
                ],
                str(page[-1].position) if more else None,
            )
        )

    async def _reached(self, at_least: int) -> None:
        """Check that the log has reached a position; it is read itself, so there is no wait.

        Raises:
            NotCaughtUp: it has not.
        """
        head = await blocking.read(self._services.log.head) if at_least else 0
        if head < at_least:
            raise NotCaughtUp(position=head, at_least=at_least)

    async def _stream(self, call: Call, query: EventsQuery) -> HttpResponse:
        for name in ("limit", "cursor", "at_least"):
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
