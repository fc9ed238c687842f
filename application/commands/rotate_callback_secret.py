"""A merchant rotates the secret that signs its sessions' callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import webhook_endpoints_of
from domain.merchants.webhook_endpoint import OVERLAP_SECONDS_DEFAULT, WebhookEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateCallbackSecret(Command):
    """Make the next callback secret sign."""

    merchant_id: UUID
    overlap_seconds: int = OVERLAP_SECONDS_DEFAULT
    """For so long the present secret signs as well."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant's endpoints."""
        return (WebhookEndpoints.stream_id(self.merchant_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Rotate the secret.

        Raises (checked in this order):
            InvalidRequest, SecretRotating: see `WebhookEndpoints.rotate`.
        """
        endpoints = webhook_endpoints_of(loaded, self.merchant_id)
        endpoints.rotate_callback_secret(overlap_seconds=self.overlap_seconds, at=loaded.now)
        return Decision(endpoints, [endpoints])
