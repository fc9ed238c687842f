"""Links to a merchant's dashboards: the token is in the fragment, so no server's log has it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from api import blocking
from api.context import Services
from api.http.fields import Time
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.tokens import OPERATOR_KEY, DashboardHolder, DashboardUse, Tokens
from api.v1.responses import json_response
from domain import ids, times

LINK_LIFETIME: Final = timedelta(seconds=60)
OPERATOR_LINK_LIFETIME: Final = timedelta(minutes=10)
DASHBOARDS: Final = "/dashboard"


class DashboardLinkView(Struct, frozen=True, kw_only=True):
    """An address that opens the merchant's dashboards once."""

    object: Literal["dashboard_link"] = "dashboard_link"
    url: str
    """A secret until it is used. Its fragment is not sent to any server."""
    expires_at: Time


def dashboard_url(public_url: str, tokens: Tokens, holder: DashboardHolder, number: UUID) -> str:
    """The address of a new link.

    Args:
        public_url: the origin of the pages.
        tokens: mint the link's token.
        holder: whose dashboards, made with which key, until when.
        number: of this link.
    """
    token = tokens.for_dashboard(DashboardUse.LINK, holder, number)
    return f"{public_url}{DASHBOARDS}#{token}"


def operator_link(
    public_url: str, tokens: Tokens, merchant_id: UUID, number: UUID, now: datetime
) -> tuple[str, datetime]:
    """A link of the operator's program, for a person who passes it on, and its expiry."""
    holder = DashboardHolder(merchant_id, OPERATOR_KEY, now + OPERATOR_LINK_LIFETIME)
    return dashboard_url(public_url, tokens, holder, number), holder.expires_at


class DashboardLinkRoutes:
    """The operation that makes links to dashboards."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="createDashboardLink", method="POST", path="/v1/dashboard-links",
                summary="Create a link that opens the merchant's dashboards, once and within 60 s",
                description=(
                    "Send the merchant's browser to `url`. The page exchanges the token for a "
                    "cookie of 30 minutes, with which it reads webhook deliveries and sends them "
                    "again, and nothing else. Revoking the API key that created the link ends the "
                    "cookie, too. Links are not stored: every call creates a new one. The "
                    "operation takes no `Idempotency-Key` and ignores the header."
                ),
                callers=frozenset({CallerRole.MERCHANT}), responses={201: DashboardLinkView},
                handler=self.create,
            )
        ]  # fmt: skip

    async def create(self, call: Call) -> HttpResponse:
        """Create a link."""
        services = self._services
        now: datetime = await blocking.read(services.reader.clock.now)
        holder = DashboardHolder(
            call.identity.stream_id, ids.decode("key", call.identity.actor), now + LINK_LIFETIME
        )
        url = dashboard_url(services.config.public_url, services.tokens, holder, services.new_id())
        view = DashboardLinkView(url=url, expires_at=times.to_text(holder.expires_at))
        return json_response(view, status=201)
