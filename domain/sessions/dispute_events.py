"""The events of a session's disputes. They are in the session's stream, as those of refunds are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from domain.sessions.events import SessionEvent

if TYPE_CHECKING:
    from domain.sessions.payment_session import PaymentSession


class DisputeStatus(StrEnum):
    """The status of a dispute; the last two are final."""

    OPEN = "open"
    WON = "won"
    """The merchant was right; the money is its again."""
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One dispute."""

    id: str
    reference: str
    status: DisputeStatus
    amount_minor: int
    """What the processor has taken back."""
    merchant_minor: int
    """The merchant's part of it."""
    reason: str


class DisputeEvent(SessionEvent):
    """What every event of a dispute states."""

    TOPIC = "dispute.event"
    dispute_id: str
    reference: str
    """The processor's."""
    processor: str
    attempt_id: str | None
    merchant_id: str
    amount_minor: int
    """What the processor has taken back."""
    merchant_minor: int
    """The merchant's part of it; the rest is the house's."""
    currency: str
    exponent: int
    reason: str
    """The processor's code, without personal data."""
    disputed_minor: int
    """The merchant's part of all disputes that are open or lost, after this event."""

    def record(self, session: PaymentSession, status: DisputeStatus) -> None:
        """Record the dispute with its status."""
        dispute = Dispute(
            id=self.dispute_id,
            reference=self.reference,
            status=status,
            amount_minor=self.amount_minor,
            merchant_minor=self.merchant_minor,
            reason=self.reason,
        )
        session.disputes = {**session.disputes, dispute.id: dispute}
        session.disputed_minor = self.disputed_minor


class DisputeOpened(DisputeEvent):
    """A payer disputes the payment, and the processor has taken the money back."""

    TOPIC = "dispute.opened"

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the dispute."""
        self.record(aggregate, DisputeStatus.OPEN)


class DisputeWon(DisputeEvent):
    """The dispute was decided for the merchant; the processor has given the money back."""

    TOPIC = "dispute.won"

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the end."""
        self.record(aggregate, DisputeStatus.WON)


class DisputeLost(DisputeEvent):
    """The dispute was decided for the payer; the money stays where it is."""

    TOPIC = "dispute.lost"

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the end."""
        self.record(aggregate, DisputeStatus.LOST)
