"""A merchant asks for a test event."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_endpoint, webhook_endpoints_of
from domain.merchants.webhook_endpoint import WebhookEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestWebhookTest(Command):
    """Have a test event sent to an endpoint."""

    merchant_id: UUID
    endpoint_id: str
    test_id: str
    """The `webhook-id` of the test; no event has it."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant's endpoints."""
        return (WebhookEndpoints.stream_id(self.merchant_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Ask for the test.

        Raises (checked in this order):
            NotFound: the merchant has no such endpoint.
            EndpointNotEnabled: it is paused or disabled.
        """
        endpoints = webhook_endpoints_of(loaded, self.merchant_id)
        endpoint = own_endpoint(loaded, self.merchant_id, self.endpoint_id)
        endpoints.request_test(endpoint, test_id=self.test_id, at=loaded.now)
        return Decision(endpoints, [endpoints])
