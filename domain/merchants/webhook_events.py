"""The events of a merchant's webhook endpoints. Topics and fields are stored and never change.

No event holds a secret: a secret has a number, and the key that it is derived from is kept outside
the log.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from eventsourcing.domain import Aggregate

from domain import times

if TYPE_CHECKING:
    from domain.merchants.webhook_endpoint import WebhookEndpoints

ALL_TYPES: Final = "*"
"""In a list of types: every type, also those of later releases."""


class EndpointStatus(StrEnum):
    """Whether an endpoint is called."""

    ENABLED = "enabled"
    PAUSED = "paused"
    """By the merchant."""
    DISABLED = "disabled"
    """By the ledger, because of what the endpoint answered or did not answer."""


class DisabledReason(StrEnum):
    """Why the ledger has disabled an endpoint."""

    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """No attempt has succeeded for five days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretState:
    """Which secrets sign: the current one, and for a time the one before it."""

    number: int
    """Counts the secrets, from 1; the callback secret starts at 0, which nobody has been shown."""
    previous_until: datetime | None = None
    """The secret before this one signs until then; None: not at all."""

    def numbers(self, at: datetime) -> tuple[int, ...]:
        """The numbers of the live secrets, the newest first."""
        overlaps = self.previous_until is not None and at < self.previous_until
        return (self.number, self.number - 1) if overlaps else (self.number,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint."""

    id: str
    url: str
    types: tuple[str, ...]
    status: EndpointStatus
    secret: SecretState
    created_at: datetime
    disabled_reason: DisabledReason | None = None
    disabled_at: datetime | None = None

    def takes(self, event_type: str) -> bool:
        """Whether events of this type are sent to it."""
        listed = ALL_TYPES in self.types or event_type in self.types
        return self.status is EndpointStatus.ENABLED and listed


class WebhookEvent(Aggregate.Event):
    """The base of these events."""

    TOPIC = "webhook_endpoint.event"


class Opened(WebhookEvent, Aggregate.Created):
    """The merchant's first webhook setting follows."""

    TOPIC = "webhook_endpoint.opened"
    merchant_id: str


class Added(WebhookEvent):
    """The merchant added an endpoint; its first secret has the number 1."""

    TOPIC = "webhook_endpoint.added"
    endpoint_id: str
    url: str
    types: list[str]
    """Topics, or `*`."""

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """Keep the endpoint."""
        endpoint = Endpoint(
            id=self.endpoint_id,
            url=self.url,
            types=tuple(self.types),
            status=EndpointStatus.ENABLED,
            secret=SecretState(number=1),
            created_at=self.timestamp,
        )
        aggregate.endpoints = {**aggregate.endpoints, endpoint.id: endpoint}


class Changed(WebhookEvent):
    """The merchant changed an endpoint's URL or types."""

    TOPIC = "webhook_endpoint.changed"
    endpoint_id: str
    url: str
    types: list[str]

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """Replace both."""
        _replace(aggregate, self.endpoint_id, url=self.url, types=tuple(self.types))


class Paused(WebhookEvent):
    """The merchant paused an endpoint."""

    TOPIC = "webhook_endpoint.paused"
    endpoint_id: str

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """It is not called."""
        _replace(aggregate, self.endpoint_id, status=EndpointStatus.PAUSED)


class Disabled(WebhookEvent):
    """The ledger disabled an endpoint."""

    TOPIC = "webhook_endpoint.disabled"
    endpoint_id: str
    reason: str
    """`gone` or `failing`."""

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """It is not called."""
        _replace(
            aggregate,
            self.endpoint_id,
            status=EndpointStatus.DISABLED,
            disabled_reason=DisabledReason(self.reason),
            disabled_at=self.timestamp,
        )


class Enabled(WebhookEvent):
    """The merchant enabled a paused or disabled endpoint."""

    TOPIC = "webhook_endpoint.enabled"
    endpoint_id: str

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """It is called again."""
        status = EndpointStatus.ENABLED
        _replace(aggregate, self.endpoint_id, status=status, disabled_reason=None, disabled_at=None)


class Removed(WebhookEvent):
    """The merchant deleted an endpoint."""

    TOPIC = "webhook_endpoint.removed"
    endpoint_id: str

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """Forget it."""
        others = {k: v for k, v in aggregate.endpoints.items() if k != self.endpoint_id}
        aggregate.endpoints = others


class SecretRotated(WebhookEvent):
    """The merchant rotated an endpoint's secret."""

    TOPIC = "webhook_endpoint.secret_rotated"
    endpoint_id: str
    secret_number: int
    previous_until: str | None

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """The next secret signs, and for a time the one before it."""
        _replace(aggregate, self.endpoint_id, secret=_secret(self))


class CallbackSecretRotated(WebhookEvent):
    """The merchant rotated the secret that signs its sessions' callbacks."""

    TOPIC = "webhook_endpoint.callback_secret_rotated"
    secret_number: int
    previous_until: str | None

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """The next secret signs, and for a time the one before it."""
        aggregate.callback_secret = _secret(self)


class TestRequested(WebhookEvent):
    """The merchant asked for a test event."""

    TOPIC = "webhook_endpoint.test_requested"
    __test__ = False  # the name is not pytest's
    merchant_id: str
    endpoint_id: str
    test_id: str
    """The `webhook-id` of the test; not the id of an event."""

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """Keep the id, which the answer to a repeated request shows."""
        aggregate.last_test_id = self.test_id


class ReplayRequested(WebhookEvent):
    """The merchant asked for every event after a position once more."""

    TOPIC = "webhook_endpoint.replay_requested"
    merchant_id: str
    endpoint_id: str
    after: int
    up_to: int

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """It runs from now on."""
        began = {self.originator_version: self.timestamp}
        aggregate.replays = {**aggregate.replays, **began}


class ReplayFinished(WebhookEvent):
    """The ledger has read all that a replay was asked for, and set its deliveries."""

    TOPIC = "webhook_endpoint.replay_finished"
    endpoint_id: str
    requested_version: int
    """The version of `replay_requested` in this stream."""

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """It does not run any more."""
        others = {k: v for k, v in aggregate.replays.items() if k != self.requested_version}
        aggregate.replays = others


class RedeliveryRequested(WebhookEvent):
    """The merchant asked for one delivery once more."""

    TOPIC = "webhook_endpoint.redelivery_requested"
    merchant_id: str
    target: str
    """An endpoint's id, or `callback`."""
    subject_id: str
    """The subject of the event: a session's or a payout's id."""
    event_version: int

    def apply(self, aggregate: WebhookEndpoints) -> None:
        """Change nothing."""


def _secret(event: SecretRotated | CallbackSecretRotated) -> SecretState:
    until = event.previous_until
    return SecretState(
        number=event.secret_number, previous_until=times.from_text(until) if until else None
    )


def _replace(aggregate: WebhookEndpoints, endpoint_id: str, **values: Any) -> None:
    endpoint = replace(aggregate.endpoints[endpoint_id], **values)
    aggregate.endpoints = {**aggregate.endpoints, endpoint_id: endpoint}
