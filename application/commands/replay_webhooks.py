"""A merchant asks for every event after a position once more."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_endpoint, webhook_endpoints_of
from domain.merchants.webhook_endpoint import WebhookEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayWebhooks(Command):
    """Have the events of a range sent to an endpoint again."""

    merchant_id: UUID
    endpoint_id: str
    after: int
    """A position; the events after it are sent."""
    head: int
    """The last position of the log when the request arrived; events up to it are sent."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant's endpoints."""
        return (WebhookEndpoints.stream_id(self.merchant_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Ask for the replay.

        Raises (checked in this order):
            NotFound: the merchant has no such endpoint.
            EndpointNotEnabled, InvalidRequest, ReplayLimit: see `WebhookEndpoints.request_replay`.
        """
        endpoints = webhook_endpoints_of(loaded, self.merchant_id)
        endpoint = own_endpoint(loaded, self.merchant_id, self.endpoint_id)
        endpoints.request_replay(endpoint, after=self.after, head=self.head, at=loaded.now)
        return Decision(endpoints, [endpoints])
