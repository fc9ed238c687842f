"""Tickets for the live socket of all sessions of a merchant."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from api import blocking
from api.context import Services
from api.http.fields import Time
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.v1.responses import json_response
from domain import ids, times


class LiveTicketView(Struct, frozen=True, kw_only=True):
    """A ticket; it opens one socket, once, until it expires."""

    object: Literal["live_ticket"] = "live_ticket"
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    ticket: str
    live_url: str
    """The socket's address with the ticket in it; add `&after=<position>` to resume."""
    expires_at: Time
    server_time: Time


class LiveTicketRoutes:
    """The operation that issues tickets."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="createLiveTicket", method="POST", path="/v1/live-tickets",
                summary="Issue a ticket for a live socket of all sessions of the merchant",
                description=(
                    "The ticket works once and for 60 seconds. The socket ends with the key that "
                    "the ticket was issued for."
                ),
                callers=frozenset({CallerRole.MERCHANT}), responses={201: LiveTicketView},
                handler=self.create,
            )
        ]  # fmt: skip

    async def create(self, call: Call) -> HttpResponse:
        """A new ticket. Nothing is recorded in the log, so a repeated request gets another one."""
        services, ticket_id = self._services, self._services.new_id()
        now = await blocking.read(services.reader.clock.now)
        holder, key = call.identity.stream_id, ids.decode("key", call.identity.actor)
        ticket, expires_at = services.tokens.for_ticket(ticket_id, holder, key, now)
        await blocking.read(services.live_tickets.keep, ticket_id, expires_at)
        view = LiveTicketView(
            livemode=services.config.livemode,
            ticket=ticket,
            live_url=f"{services.config.live_public_url}/live?ticket={ticket}",
            expires_at=times.to_text(expires_at),
            server_time=times.to_text(now),
        )
        return json_response(view, status=201)
