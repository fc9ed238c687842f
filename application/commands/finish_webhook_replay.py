"""A replay has read all of the log that it was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.merchants.webhook_endpoint import WebhookEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishWebhookReplay(Command):
    """Make room for another replay of the merchant."""

    merchant_id: UUID
    endpoint_id: str
    requested_version: int
    """The version of the request in the stream of the merchant's endpoints."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant's endpoints."""
        return (WebhookEndpoints.stream_id(self.merchant_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Note the end; does nothing if the replay has ended.

        Raises (checked in this order):
            NotFound: the merchant has no endpoints.
        """
        endpoints = loaded.get(WebhookEndpoints, self.streams[0], "webhook endpoint")
        endpoints.finish_replay(self.endpoint_id, self.requested_version, at=loaded.now)
        return Decision(endpoints, [endpoints])
