"""A merchant rotates the secret of a webhook endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_endpoint, webhook_endpoints_of
from domain.merchants.webhook_endpoint import OVERLAP_SECONDS_DEFAULT, WebhookEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateWebhookSecret(Command):
    """Make the next secret sign."""

    merchant_id: UUID
    endpoint_id: str
    overlap_seconds: int = OVERLAP_SECONDS_DEFAULT
    """For so long the present secret signs as well."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant's endpoints."""
        return (WebhookEndpoints.stream_id(self.merchant_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Rotate the secret.

        Raises (checked in this order):
            NotFound: the merchant has no such endpoint.
            InvalidRequest, SecretRotating: see `WebhookEndpoints.rotate`.
        """
        endpoints = webhook_endpoints_of(loaded, self.merchant_id)
        endpoint = own_endpoint(loaded, self.merchant_id, self.endpoint_id)
        endpoints.rotate(endpoint, overlap_seconds=self.overlap_seconds, at=loaded.now)
        return Decision(endpoints, [endpoints])
