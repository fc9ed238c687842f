"""The events of a payment session. Topics and fields are stored and never change.

To add an event: define it here with its topic and `apply`, then bind it in `PaymentSession`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventsourcing.domain import Aggregate

from domain import times
from domain.sessions.state import Claim, Payment, Status, increment

if TYPE_CHECKING:
    from domain.sessions.payment_session import PaymentSession


class SessionEvent(Aggregate.Event):
    """The base of a session's events."""

    TOPIC = "payment_session.event"


class Created(SessionEvent, Aggregate.Created):
    """A merchant requested a payment."""

    TOPIC = "payment_session.created"
    merchant_id: str
    merchant_name: str
    order_id: str
    amount_minor: int
    currency: str
    exponent: int
    description: str
    expires_at: str
    expires_in_seconds: int
    return_url: str | None
    metadata: dict[str, str]
    checkout_may_cancel: bool


class Scanned(SessionEvent):
    """A wallet claimed the session for the duration of a lease."""

    TOPIC = "payment_session.scanned"
    claim_id: str
    wallet_id: str
    wallet_app_id: str
    lease_until: str

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the claim and count it."""
        app = self.wallet_app_id
        lease_until = times.from_text(self.lease_until)
        aggregate.status = Status.SCANNED
        aggregate.claim = Claim(self.claim_id, self.wallet_id, app, lease_until)
        aggregate.claims_by_app = increment(aggregate.claims_by_app, app)
        aggregate.claims_by_wallet = increment(aggregate.claims_by_wallet, self.wallet_id)


class ClaimReleased(SessionEvent):
    """The wallet released its claim."""

    TOPIC = "payment_session.claim_released"
    claim_id: str

    def apply(self, aggregate: PaymentSession) -> None:
        """Remove the claim."""
        aggregate.status = Status.CREATED
        aggregate.claim = None


class Paid(SessionEvent):
    """The wallet that held the claim paid the full amount."""

    TOPIC = "payment_session.paid"
    wallet_id: str
    claim_id: str
    amount_minor: int
    currency: str
    exponent: int
    merchant_id: str
    merchant_name: str

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the payment; the session has ended."""
        aggregate.status = Status.PAID
        app = aggregate.claim.wallet_app_id if aggregate.claim else ""
        aggregate.payment = Payment(self.wallet_id, app, self.claim_id, self.timestamp)
        aggregate.ended_at = self.timestamp


class Expired(SessionEvent):
    """The deadline passed without a payment."""

    TOPIC = "payment_session.expired"
    expires_at: str

    def apply(self, aggregate: PaymentSession) -> None:
        """The session has ended."""
        aggregate.status = Status.EXPIRED
        aggregate.ended_at = self.timestamp


class Cancelled(SessionEvent):
    """The merchant, or the checkout screen, cancelled the session."""

    TOPIC = "payment_session.cancelled"
    by: str

    def apply(self, aggregate: PaymentSession) -> None:
        """The session has ended."""
        aggregate.status = Status.CANCELLED
        aggregate.ended_at = self.timestamp
