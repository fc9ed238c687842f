"""A merchant's webhook endpoints, in one stream: at each position, who is told of its events."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from eventsourcing.domain import event

from domain import ids, times
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest
from domain.merchants import webhook_events as events
from domain.merchants.errors import EndpointLimit, EndpointNotEnabled, ReplayLimit, SecretRotating
from domain.merchants.webhook_events import (
    ALL_TYPES,
    DisabledReason,
    Endpoint,
    EndpointStatus,
    SecretState,
)
from domain.merchants.webhook_url import check_webhook_url
from domain.payouts.payout import Payout
from domain.sessions.payment_session import PaymentSession

ENDPOINTS_MAX: Final = 20
OVERLAP_SECONDS_DEFAULT: Final = 86_400
OVERLAP_SECONDS_MAX: Final = 604_800
REPLAYS_MAX: Final = 5
"""Replays of one merchant that read the log at a time."""
REPLAY_RUNS_MAX: Final = timedelta(days=1)
"""A replay that has not ended by then, because its task was dropped, does not count any more."""
CALLBACK: Final = "callback"
"""In place of an endpoint's id: the address that a session's creation named."""
FOLLOWED: Final[tuple[type[Any], ...]] = (
    *PaymentSession.events(),
    Payout.Requested,
    Payout.Sent,
    Payout.Settled,
    Payout.Returned,
)
"""The events that webhooks tell of."""
TYPES: Final = frozenset(one.TOPIC for one in FOLLOWED)
TEST_TYPE: Final = "webhook.test"


class WebhookEndpoints(LedgerAggregate):
    """The webhook endpoints of one merchant, and the state of its secrets.

        enabled ──pause──▶ paused ──enable──▶ enabled
           └─────disable─▶ disabled ──enable──▶ enabled

    The ledger disables an endpoint that answers 410, or that has failed for five days.
    """

    TOPIC = "webhook_endpoint"

    Event = events.WebhookEvent
    Opened = events.Opened
    Added = events.Added
    Changed = events.Changed
    Paused = events.Paused
    Disabled = events.Disabled
    Enabled = events.Enabled
    Removed = events.Removed
    SecretRotated = events.SecretRotated
    CallbackSecretRotated = events.CallbackSecretRotated
    TestRequested = events.TestRequested
    ReplayRequested = events.ReplayRequested
    ReplayFinished = events.ReplayFinished
    RedeliveryRequested = events.RedeliveryRequested

    @event(Opened)
    def __init__(self, merchant_id: str) -> None:
        self.merchant_id = merchant_id
        self.endpoints: Mapping[str, Endpoint] = {}
        self.callback_secret = SecretState(number=0)
        self.last_test_id: str | None = None
        self.replays: Mapping[int, datetime] = {}
        """Those that run, by the version of the request, and when it was made."""

    @staticmethod
    def stream_id(merchant_id: UUID) -> UUID:
        """The stream of a merchant's endpoints."""
        return ids.derive("webhook endpoints", merchant_id.bytes)

    @classmethod
    def open(cls, *, merchant_id: UUID, at: datetime) -> WebhookEndpoints:
        """Start the stream, without an endpoint."""
        return cls._create(
            cls.Opened,
            id=cls.stream_id(merchant_id),
            timestamp=at,
            merchant_id=ids.encode("mer", merchant_id),
        )

    def add(
        self, *, endpoint_id: str, url: str, types: Sequence[str], loopback: bool, at: datetime
    ) -> None:
        """Add an endpoint.

        Raises (checked in this order):
            InvalidRequest: the URL is not one that the ledger calls; see `check_webhook_url`.
            InvalidRequest: a type is unknown or named twice, or there is none.
            EndpointLimit: there are 20 already.
        """
        check_webhook_url("url", url, loopback=loopback)
        _check_types(types)
        if len(self.endpoints) >= ENDPOINTS_MAX:
            raise EndpointLimit(endpoints_max=ENDPOINTS_MAX)
        self.trigger_event(
            self.Added, endpoint_id=endpoint_id, url=url, types=list(types), timestamp=at
        )

    def change(
        self,
        endpoint: Endpoint,
        *,
        url: str | None,
        types: Sequence[str] | None,
        status: EndpointStatus | None,
        loopback: bool,
        at: datetime,
    ) -> None:
        """Change what is given; records nothing that is so already.

        Raises (checked in this order):
            InvalidRequest: see `add`; or only the ledger sets this status.
        """
        if url is not None:
            check_webhook_url("url", url, loopback=loopback)
        if types is not None:
            _check_types(types)
        if status is EndpointStatus.DISABLED:
            raise InvalidRequest.of("status", "must be enabled or paused")
        new_url = endpoint.url if url is None else url
        new_types = endpoint.types if types is None else tuple(types)
        name = endpoint.id
        if (new_url, new_types) != (endpoint.url, endpoint.types):
            self.trigger_event(
                self.Changed, endpoint_id=name, url=new_url, types=list(new_types), timestamp=at
            )
        if status is EndpointStatus.PAUSED and endpoint.status is EndpointStatus.ENABLED:
            self.trigger_event(self.Paused, endpoint_id=name, timestamp=at)
        if status is EndpointStatus.ENABLED and endpoint.status is not EndpointStatus.ENABLED:
            self.trigger_event(self.Enabled, endpoint_id=name, timestamp=at)

    def disable(self, endpoint_id: str, reason: DisabledReason, *, at: datetime) -> None:
        """Disable an endpoint; does nothing unless it is enabled."""
        endpoint = self.endpoints.get(endpoint_id)
        if endpoint is not None and endpoint.status is EndpointStatus.ENABLED:
            self.trigger_event(
                self.Disabled, endpoint_id=endpoint_id, reason=reason.value, timestamp=at
            )

    def remove(self, endpoint: Endpoint, *, at: datetime) -> None:
        """Delete an endpoint."""
        self.trigger_event(self.Removed, endpoint_id=endpoint.id, timestamp=at)

    def rotate(self, endpoint: Endpoint, *, overlap_seconds: int, at: datetime) -> None:
        """Make the next secret sign; the present one signs beside it for a time.

        Raises (checked in this order):
            InvalidRequest: the overlap is not 0 to 604,800 seconds.
            SecretRotating: two secrets are live, and the overlap is not 0.
        """
        until = _overlap(endpoint.secret, overlap_seconds, at)
        self.trigger_event(
            self.SecretRotated,
            endpoint_id=endpoint.id,
            secret_number=endpoint.secret.number + 1,
            previous_until=until,
            timestamp=at,
        )

    def rotate_callback_secret(self, *, overlap_seconds: int, at: datetime) -> None:
        """Make the next callback secret sign; see `rotate` for what is refused."""
        until = _overlap(self.callback_secret, overlap_seconds, at)
        self.trigger_event(
            self.CallbackSecretRotated,
            secret_number=self.callback_secret.number + 1,
            previous_until=until,
            timestamp=at,
        )

    def request_test(self, endpoint: Endpoint, *, test_id: str, at: datetime) -> None:
        """Have a test event sent.

        Raises:
            EndpointNotEnabled: it is paused or disabled.
        """
        _check_enabled(endpoint)
        self.trigger_event(
            self.TestRequested,
            merchant_id=self.merchant_id,
            endpoint_id=endpoint.id,
            test_id=test_id,
            timestamp=at,
        )

    def request_replay(self, endpoint: Endpoint, *, after: int, head: int, at: datetime) -> None:
        """Have every event after a position, up to the log's present head, sent once more.

        Raises (checked in this order):
            EndpointNotEnabled: it is paused or disabled.
            InvalidRequest: the position is not in the log yet.
            ReplayLimit: five replays of the merchant run already.
        """
        _check_enabled(endpoint)
        if not 0 <= after <= head:
            raise InvalidRequest.of("after", f"the log has reached position {head}")
        running = [began for began in self.replays.values() if at - began < REPLAY_RUNS_MAX]
        if len(running) >= REPLAYS_MAX:
            raise ReplayLimit(replays_max=REPLAYS_MAX)
        self.trigger_event(
            self.ReplayRequested,
            merchant_id=self.merchant_id,
            endpoint_id=endpoint.id,
            after=after,
            up_to=head,
            timestamp=at,
        )

    def finish_replay(self, endpoint_id: str, requested_version: int, *, at: datetime) -> None:
        """Note that a replay has read the log; does nothing unless it runs."""
        if requested_version in self.replays:
            self.trigger_event(
                self.ReplayFinished,
                endpoint_id=endpoint_id,
                requested_version=requested_version,
                timestamp=at,
            )

    def request_redelivery(
        self, target: str, *, subject_id: str, event_version: int, at: datetime
    ) -> None:
        """Have one event sent to an endpoint, or to its session's callback address, once more.

        Raises:
            EndpointNotEnabled: the endpoint is paused, disabled or deleted.
        """
        if target != CALLBACK:
            endpoint = self.endpoints.get(target)
            if endpoint is None:
                raise EndpointNotEnabled(endpoint_id=target, endpoint_status="deleted")
            _check_enabled(endpoint)
        self.trigger_event(
            self.RedeliveryRequested,
            merchant_id=self.merchant_id,
            target=target,
            subject_id=subject_id,
            event_version=event_version,
            timestamp=at,
        )


def _check_enabled(endpoint: Endpoint) -> None:
    if endpoint.status is not EndpointStatus.ENABLED:
        raise EndpointNotEnabled(endpoint_id=endpoint.id, endpoint_status=endpoint.status.value)


def _check_types(types: Collection[str]) -> None:
    if not types or len(types) > len(TYPES):
        raise InvalidRequest.of("types", f"must name 1 to {len(TYPES)} types, or *")
    for one in types:
        if one != ALL_TYPES and one not in TYPES:
            raise InvalidRequest.of("types", f"{one[:80]!r} is not a type")
    if len(set(types)) < len(types):
        raise InvalidRequest.of("types", "names a type twice")


def _overlap(secret: SecretState, seconds: int, at: datetime) -> str | None:
    if not 0 <= seconds <= OVERLAP_SECONDS_MAX:
        raise InvalidRequest.of("overlap_seconds", f"must be from 0 to {OVERLAP_SECONDS_MAX}")
    until = secret.previous_until
    if seconds and until is not None and at < until:
        raise SecretRotating(previous_until=times.to_text(until))
    return times.to_text(at + timedelta(seconds=seconds)) if seconds else None
