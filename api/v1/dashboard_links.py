"""Links to the dashboards: the token is in the fragment, so no server's log has it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from api import blocking
from api.context import Services
from api.http.fields import SessionId, Time
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, none_if_unset
from api.tokens import EVERY_MERCHANT, OPERATOR_KEY, DashboardHolder, DashboardUse, Tokens
from api.v1.access import readable_session
from api.v1.responses import json_response
from domain import ids, times
from domain.errors import InvalidRequest

LINK_LIFETIME: Final = timedelta(seconds=60)
OPERATOR_LINK_LIFETIME: Final = timedelta(minutes=10)
DASHBOARDS: Final = "/dashboard"


class DashboardLinkView(Struct, frozen=True, kw_only=True):
    """An address that opens the dashboards once."""

    object: Literal["dashboard_link"] = "dashboard_link"
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    url: str
    """A secret until it is used. Its fragment is not sent to any server."""
    expires_at: Time


class DashboardLinkQuery(Query):
    """Where the link leads: to the history of a session, otherwise to the first dashboard."""

    session: SessionId | UnsetType = UNSET


def dashboard_url(
    public_url: str, tokens: Tokens, holder: DashboardHolder, number: UUID, session_id: str = ""
) -> str:
    """The address of a new link.

    Args:
        public_url: the origin of the pages.
        tokens: mint the link's token.
        holder: whose dashboards, made with which key, until when.
        number: of this link.
        session_id: the session whose history it opens.
    """
    token = tokens.for_dashboard(DashboardUse.LINK, holder, number)
    query = f"?session={session_id}" if session_id else ""
    return f"{public_url}{DASHBOARDS}{query}#{token}"


def operator_link(
    public_url: str,
    tokens: Tokens,
    merchant_id: UUID,
    number: UUID,
    now: datetime,
    session_id: str = "",
) -> tuple[str, datetime]:
    """A link of the operator's program, for a person who passes it on, and its expiry."""
    holder = DashboardHolder(merchant_id, OPERATOR_KEY, now + OPERATOR_LINK_LIFETIME)
    return dashboard_url(public_url, tokens, holder, number, session_id), holder.expires_at


class DashboardLinkRoutes:
    """The operation that makes links to dashboards."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="createDashboardLink", method="POST", path="/v1/dashboard-links",
                summary="Create a link that opens the caller's dashboards, once and within 60 s",
                description=(
                    "Send the browser to `url`. The page exchanges the token for a "
                    "cookie of 30 minutes. A merchant's reads payments with their receipts and "
                    "histories, and webhook deliveries, and sends them again, and nothing else; an "
                    "auditor's reads the history of any session. With `session` the link leads to "
                    "the history of that session; auditors must name one. Revoking the API key "
                    "that created the link ends the cookie, too. Links are not stored: every call "
                    "creates a new one. The operation takes no `Idempotency-Key` and ignores the "
                    "header."
                ),
                callers=frozenset({CallerRole.MERCHANT, CallerRole.AUDITOR}),
                responses={201: DashboardLinkView}, problems=("not-found",),
                handler=self.create,
            )
        ]  # fmt: skip

    async def create(self, call: Call, query: DashboardLinkQuery) -> HttpResponse:
        """Create a link."""
        services, identity = self._services, call.identity
        session_id = none_if_unset(query.session) or ""
        if session_id:
            await readable_session(call, ids.decode("ps", session_id))
        if identity.role is CallerRole.MERCHANT:
            merchant_id = identity.stream_id
        elif session_id:
            merchant_id = EVERY_MERCHANT
        else:
            raise InvalidRequest.of("session", "is missing")
        now: datetime = await blocking.read(services.reader.clock.now)
        holder = DashboardHolder(
            merchant_id, ids.decode("key", identity.actor), now + LINK_LIFETIME
        )
        public_url, number = services.config.public_url, services.new_id()
        url = dashboard_url(public_url, services.tokens, holder, number, session_id)
        view = DashboardLinkView(
            livemode=services.config.livemode,
            url=url,
            expires_at=times.to_text(holder.expires_at),
        )
        return json_response(view, status=201)
