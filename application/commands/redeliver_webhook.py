"""A merchant asks for one delivery once more."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import webhook_endpoints_of
from domain.merchants.webhook_endpoint import WebhookEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeliverWebhook(Command):
    """Have one event sent again."""

    merchant_id: UUID
    target: str
    """An endpoint's id, or `callback`."""
    subject_id: str
    """The id of the event's session or payout."""
    event_version: int

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant's endpoints."""
        return (WebhookEndpoints.stream_id(self.merchant_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Ask for the delivery.

        Raises (checked in this order):
            EndpointNotEnabled: the endpoint is paused, disabled or deleted.
        """
        endpoints = webhook_endpoints_of(loaded, self.merchant_id)
        endpoints.request_redelivery(
            self.target,
            subject_id=self.subject_id,
            event_version=self.event_version,
            at=loaded.now,
        )
        return Decision(endpoints, [endpoints])
