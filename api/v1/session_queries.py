"""Queries on payment sessions: one session, its events, and a merchant's list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from api import blocking
from api.context import Services
from api.http.fields import KnownCurrencyCode, Limit, Metadata, OrderId, TimeText
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, SessionPathId, none_if_unset, optional_time
from api.v1.access import readable_session
from api.v1.accounts import AT, AtQuery, at_response, only_auditors, read_moment
from api.v1.attempt_answers import next_action
from api.v1.lists import ListQuery, Page, caught_up, page_of, read_cursor
from api.v1.responses import conditional_response, json_response
from api.views.events import EventView, event_view, merchant_event_view
from api.views.sessions import SessionStatus, SessionView, SessionViews, session_etag
from application.event_log import history
from application.positions import Moment
from application.restriction import is_restricted
from domain.sessions.payment_session import PaymentSession
from projections.sessions import SessionRow, Sessions

STATUSES_MAX: Final = 7
"""As many as there are."""


class SessionsQuery(ListQuery):
    """Filters of the list. Times are RFC 3339; `created_to` is exclusive.

    `status` may be given several times: sessions with any of them. `metadata[key]=value`, too:
    sessions with all of them.
    """

    status: Annotated[list[SessionStatus], Meta(max_length=STATUSES_MAX)] = []  # noqa: RUF012
    metadata: Metadata = {}  # noqa: RUF012 - msgspec copies both
    order_id: OrderId | UnsetType = UNSET
    currency: KnownCurrencyCode | UnsetType = UNSET
    created_from: TimeText | UnsetType = UNSET
    created_to: TimeText | UnsetType = UNSET


class EventsOfSessionQuery(Query):
    """A page of a session's events."""

    limit: Limit = 100
    cursor: str | UnsetType = UNSET


class SessionQueryRoutes:
    """The queries on payment sessions."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._views = SessionViews(services.config, services.tokens)

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        session = "/v1/payment-sessions/{id:str}"
        merchant, auditor = CallerRole.MERCHANT, CallerRole.AUDITOR
        return [
            Operation(
                name="listPaymentSessions", method="GET", path="/v1/payment-sessions",
                summary="List the merchant's sessions, newest first",
                callers=frozenset({merchant}), responses={200: Page[SessionView]},
                problems=("not-caught-up",), handler=self.list,
            ),
            Operation(
                name="getPaymentSession", method="GET", path=session,
                summary="Get one session, read from the log: always current",
                description=(
                    "Wallet apps see `claim` and `paid` of their own wallets only. "
                    f"Auditors may ask for the past: {AT}"
                ),
                callers=frozenset({merchant, auditor, CallerRole.WALLET, CallerRole.PAGE}),
                responses={200: SessionView, 304: None}, problems=("not-found",), handler=self.get,
            ),
            Operation(
                name="listPaymentSessionEvents", method="GET", path=f"{session}/events",
                summary="List a session's events, oldest first",
                callers=frozenset({merchant, auditor}),
                responses={200: Page[EventView]}, problems=("not-found",), handler=self.events,
            ),
        ]  # fmt: skip

    async def get(self, call: Call, query: AtQuery, id: SessionPathId) -> HttpResponse:
        """One session."""
        if not isinstance(query.at, UnsetType):
            return await self._at(call, await read_moment(call, only_auditors(call, query.at)), id)
        current = await readable_session(call, id)
        view = self._views.view(
            current.state,
            position=current.position,
            now=current.now,
            identity=call.identity,
            next_action=await next_action(call, current.state),
        )
        return conditional_response(call, view, session_etag(current.state, current.now))

    async def _at(self, call: Call, moment: Moment, session_id: UUID) -> HttpResponse:
        """The session as it stood; the addresses in a view are those of the present."""
        get = self._services.reader.at
        then = await blocking.read(get, PaymentSession, session_id, moment, "payment session")
        view = self._views.view(
            then.state, position=then.position, now=then.now, identity=call.identity
        )
        return at_response(replace(view, at=moment.position, live_url=None), moment)

    async def events(
        self, call: Call, query: EventsOfSessionQuery, id: SessionPathId
    ) -> HttpResponse:
        """A page of a session's events."""
        current = await readable_session(call, id)
        after = read_cursor(self._services.tokens, none_if_unset(query.cursor)) or 0
        recorded = await blocking.read(history, self._services.log, current.state.id)
        rows = [event for event in recorded if event.position > after]
        if call.identity.role is CallerRole.AUDITOR:
            view = event_view
        else:
            view = partial(
                merchant_event_view,
                restricted=is_restricted(recorded),
                livemode=self._services.config.livemode,
            )
        return json_response(page_of(call, rows, query.limit, view, lambda row: row.position))

    async def list(self, call: Call, query: SessionsQuery) -> HttpResponse:
        """A page of the merchant's sessions."""
        await caught_up(call, Sessions, none_if_unset(query.at_least))
        find = partial(
            self._services.read_models[Sessions].of_merchant,
            call.identity.holder,
            statuses=query.status,
            metadata=query.metadata,
            order_id=none_if_unset(query.order_id),
            currency=none_if_unset(query.currency),
            created_from=optional_time("created_from", query.created_from),
            created_to=optional_time("created_to", query.created_to),
            before=read_cursor(self._services.tokens, none_if_unset(query.cursor)),
            limit=query.limit + 1,
        )

        def rows_and_time() -> tuple[Sequence[SessionRow], datetime]:
            now = self._services.log.now()
            return find(now=now), now

        rows, now = await blocking.read(rows_and_time)

        def view(row: SessionRow) -> SessionView:
            return self._views.listed(row, position=row.position, now=now, identity=call.identity)

        return json_response(
            page_of(call, rows, query.limit, view, lambda row: row.created_position)
        )
