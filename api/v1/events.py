"""The log itself, for auditors: every event, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from api import blocking
from api.context import Services
from api.http.fields import Limit, Position, SessionId
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, none_if_unset
from api.v1.responses import Page, json_response
from api.views.events import EventView, event_view
from application.event_log import PAGE_EVENTS_MAX, Recorded, history
from domain import ids

EXAMINED_MAX: Final = 10 * PAGE_EVENTS_MAX
"""How many events one call looks at for a rare type before it answers with where it stands."""


class EventsQuery(Query):
    """Where to start and what to show. `cursor` is the last answer's `next_cursor`."""

    after: Position = 0
    cursor: Annotated[int, Meta(ge=0, le=2**62)] | UnsetType = UNSET
    limit: Limit = 20
    type: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$(?!\n)")] | UnsetType = UNSET
    session: SessionId | UnsetType = UNSET


class EventRoutes:
    """The operations on the log."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="listEvents", method="GET", path="/v1/events",
                summary="The log, oldest first, from a position on",
                description=(
                    "`next_cursor` is null when the end of the log was reached; go on with "
                    "`after` set to the last position seen."
                ),
                callers=frozenset({CallerRole.AUDITOR}), query=EventsQuery,
                responses={200: Page[EventView]}, handler=self.list,
            )
        ]  # fmt: skip

    async def list(self, call: Call) -> HttpResponse:
        """A page of the log."""
        query: EventsQuery = call.query
        cursor = none_if_unset(query.cursor)
        after = query.after if cursor is None else cursor
        find = self._of_log if query.session is UNSET else self._of_session
        found, place = await blocking.read(find, query, after)
        next_cursor = str(place) if place is not None else None
        return json_response(Page([event_view(one) for one in found], next_cursor))

    def _of_session(self, query: EventsQuery, after: int) -> tuple[Sequence[Recorded], int | None]:
        events = history(self._services.log, ids.decode("ps", str(query.session)))
        fit = [e for e in events if e.position > after and query.type in {UNSET, e.topic}]
        shown = fit[: query.limit]
        return shown, shown[-1].position if len(fit) > query.limit else None

    def _of_log(self, query: EventsQuery, after: int) -> tuple[Sequence[Recorded], int | None]:
        """The next events, and the place to go on from; None at the end of the log."""
        log = self._services.log
        if query.type is UNSET:
            page = log.read(after, query.limit + 1)
            shown = page[: query.limit]
            return shown, shown[-1].position if len(page) > query.limit else None
        found: list[Recorded] = []
        for _ in range(EXAMINED_MAX // PAGE_EVENTS_MAX):
            page = log.read(after, PAGE_EVENTS_MAX)
            for one in page:
                after = one.position
                if one.topic == query.type:
                    found.append(one)
                if len(found) == query.limit:
                    return found, after
            if len(page) < PAGE_EVENTS_MAX:
                return found, None
        return found, after
