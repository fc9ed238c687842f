"""A merchant adds a webhook endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import webhook_endpoints_of
from domain.merchants.webhook_endpoint import WebhookEndpoints
from domain.merchants.webhook_events import ALL_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class AddWebhookEndpoint(Command):
    """Add an endpoint; its secret is not part of the log."""

    merchant_id: UUID
    endpoint_id: str
    url: str
    types: tuple[str, ...] = (ALL_TYPES,)
    loopback: bool = False
    """Whether URLs of this machine are accepted."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant's endpoints."""
        return (WebhookEndpoints.stream_id(self.merchant_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Add the endpoint.

        Raises (checked in this order):
            InvalidRequest, EndpointLimit: see `WebhookEndpoints.add`.
        """
        endpoints = webhook_endpoints_of(loaded, self.merchant_id)
        endpoints.add(
            endpoint_id=self.endpoint_id,
            url=self.url,
            types=self.types,
            loopback=self.loopback,
            at=loaded.now,
        )
        return Decision(endpoints, [endpoints])
