"""The ledger disables a webhook endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.merchants.webhook_endpoint import WebhookEndpoints
from domain.merchants.webhook_events import DisabledReason


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableWebhookEndpoint(Command):
    """Disable an endpoint that is gone or has failed for days."""

    merchant_id: UUID
    endpoint_id: str
    reason: DisabledReason

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant's endpoints."""
        return (WebhookEndpoints.stream_id(self.merchant_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Disable the endpoint; does nothing unless it is enabled.

        Raises (checked in this order):
            NotFound: the merchant has no endpoints.
        """
        endpoints = loaded.get(WebhookEndpoints, self.streams[0], "webhook endpoint")
        endpoints.disable(self.endpoint_id, self.reason, at=loaded.now)
        return Decision(endpoints, [endpoints])
