"""A merchant deletes a webhook endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_endpoint, webhook_endpoints_of
from domain.merchants.webhook_endpoint import WebhookEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWebhookEndpoint(Command):
    """Delete an endpoint; what is pending for it is not sent."""

    merchant_id: UUID
    endpoint_id: str

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant's endpoints."""
        return (WebhookEndpoints.stream_id(self.merchant_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Delete the endpoint.

        Raises (checked in this order):
            NotFound: the merchant has no such endpoint.
        """
        endpoints = webhook_endpoints_of(loaded, self.merchant_id)
        endpoint = own_endpoint(loaded, self.merchant_id, self.endpoint_id)
        endpoints.remove(endpoint, at=loaded.now)
        return Decision(endpoints, [endpoints])
