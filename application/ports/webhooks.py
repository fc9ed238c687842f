"""What webhooks need beside the log: deliveries with their attempts, secrets, and bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from application.event_log import Recorded
from domain import ids
from domain.merchants.standard_webhooks import Signer


class DeliveryStatus(StrEnum):
    """What has become of one event for one endpoint."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """No further attempt will be made unless somebody asks for it."""
    SKIPPED = "skipped"
    """The endpoint was paused, disabled or deleted before the delivery succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """One event for one endpoint, or for a session's own callback address."""

    id: str
    """`whd_…`, of event and target: the same for every attempt and replay."""
    merchant_id: str
    target: str
    """The endpoint's id, or `callback`."""
    event_id: str
    """The `webhook-id`."""
    event_type: str
    subject_id: str
    """The session's or payout's id; an endpoint's for a test."""
    position: int
    """Of the event; 0 for a test."""
    version: int
    """Of the event in its stream: the `seq` of the body; 0 for a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(NewDelivery):
    """A delivery as it stands."""

    number: int
    """The order of the list."""
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    reason: str
    """Why the last attempt failed, or why it was skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call that was made."""

    delivery_id: str
    task: str
    """The key of its task: the attempts of a replay are counted by themselves."""
    at: datetime
    """The ledger's time."""
    url: str
    answer_status: int | None
    """None: there was no answer."""
    milliseconds: int
    answer: str
    """The first 1 KB."""
    reason: str
    """Why it failed; empty if it did not."""
    status: DeliveryStatus
    """What the delivery is from now on."""
    next_attempt_at: datetime | None
    headers: str = ""
    """Of the request, as sent, one a line, with its signatures left out. Empty: made by a release
    that did not keep them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries a list has; None: all of them."""

    status: DeliveryStatus | None = None
    target: str | None = None
    event_type: str | None = None
    created_from: datetime | None = None
    """Inclusive."""
    created_to: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """The events that a target was to be told of and was not, tests left out."""

    target: str
    failed: int
    skipped: int
    """Each is counted up to `MISSED_MAX`."""
    first_position: int
    """Of the earliest of them: a replay after the position before it closes the gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a target has answered lately."""

    target: str
    """An endpoint's id, or `callback`, the merchant's id and the host."""
    failures: int = 0
    """In a row."""
    failing_since: datetime | None = None
    """The first failure of the row."""
    closed_until: datetime | None = None
    """No call is made before."""
    milliseconds: int | None = None
    """Of the last call; None: it has never been called."""


MISSED_MAX: Final = 1000
"""How far missed events are counted."""
EVERY_DELIVERY: Final = DeliveryFilter()


def delivery_id(target: str, event_id: str) -> str:
    """The id of an event's delivery to a target: the same for every replay."""
    return ids.encode("whd", ids.derive("webhook delivery", target, event_id))


class DeliveryStore(Protocol):
    """Keeps deliveries, attempts and the health of targets. Each method is one transaction."""

    def begin(self, deliveries: Sequence[NewDelivery], at: datetime) -> None:
        """Note deliveries that will be attempted; those that were given up are pending again."""
        ...

    def tries(self, tasks: Sequence[str]) -> Mapping[str, int]:
        """How many attempts each task has made."""
        ...

    def health(self, targets: Sequence[str]) -> Mapping[str, Health]:
        """The health of targets; those never called are left out."""
        ...

    def record(self, attempts: Sequence[Attempt], health: Sequence[Health]) -> None:
        """Keep attempts after they were made, and the health of their targets.

        A delivery that was delivered once stays so.
        """
        ...

    def defer(self, delivery_ids: Sequence[str], until: Sequence[datetime]) -> None:
        """Note when pending deliveries are attempted next, without an attempt."""
        ...

    def give_up(self, delivery_ids: Sequence[str], status: DeliveryStatus, reason: str) -> None:
        """Note that pending deliveries are failed or skipped, without an attempt."""
        ...

    def newest(
        self,
        merchant_id: str,
        only: DeliveryFilter = EVERY_DELIVERY,
        *,
        before: int | None = None,
        limit: int,
    ) -> Sequence[Delivery]:
        """A merchant's deliveries with a number below `before`, newest first."""
        ...

    def missed(self, merchant_id: str, targets: Sequence[str]) -> Mapping[str, Missed]:
        """What targets of a merchant have missed; those that have missed nothing are left out."""
        ...

    def get(self, merchant_id: str, delivery_id: str) -> Delivery | None:
        """One delivery of a merchant."""
        ...

    def attempts(self, delivery_id: str, limit: int) -> Sequence[Attempt]:
        """The latest attempts of a delivery, oldest first."""
        ...

    def find(self, merchant_id: str, delivery_ids: Sequence[str], limit: int) -> Sequence[Delivery]:
        """Those of some deliveries that exist and are the merchant's, oldest first."""
        ...

    def earliest_attempts(self, delivery_ids: Sequence[str], limit: int) -> Sequence[Attempt]:
        """The first attempts of some deliveries together, oldest first."""
        ...


class WebhookSecrets(Protocol):
    """The secrets of endpoints and merchants. They are kept outside the event log. Thread-safe."""

    def signer(self, owner: str, number: int) -> Signer:
        """One secret: of an endpoint's id, or of a merchant's for its callbacks."""
        ...

    def public_key(self, owner: str, number: int) -> bytes:
        """The 32 bytes of the Ed25519 key that belongs to the secret."""
        ...


class WebhookBodies(Protocol):
    """Writes what is sent. The same event always has the same bytes."""

    def body(self, recorded: Recorded, subject: Any) -> bytes:
        """The notice of an event.

        Args:
            recorded: the event.
            subject: the session or payout after this event and before the next.
        """
        ...

    def test(self, endpoint_id: str, at: datetime) -> bytes:
        """A test event."""
        ...
