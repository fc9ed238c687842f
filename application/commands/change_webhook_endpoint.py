"""A merchant changes, pauses or enables a webhook endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_endpoint, webhook_endpoints_of
from domain.merchants.webhook_endpoint import WebhookEndpoints
from domain.merchants.webhook_events import EndpointStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWebhookEndpoint(Command):
    """Change what is given."""

    merchant_id: UUID
    endpoint_id: str
    url: str | None = None
    types: tuple[str, ...] | None = None
    status: EndpointStatus | None = None
    loopback: bool = False
    """Whether URLs of this machine are accepted."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant's endpoints."""
        return (WebhookEndpoints.stream_id(self.merchant_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Change the endpoint; records nothing that is so already.

        Raises (checked in this order):
            NotFound: the merchant has no such endpoint.
            InvalidRequest: see `WebhookEndpoints.change`.
        """
        endpoints = webhook_endpoints_of(loaded, self.merchant_id)
        endpoint = own_endpoint(loaded, self.merchant_id, self.endpoint_id)
        endpoints.change(
            endpoint,
            url=self.url,
            types=self.types,
            status=self.status,
            loopback=self.loopback,
            at=loaded.now,
        )
        return Decision(endpoints, [endpoints])
