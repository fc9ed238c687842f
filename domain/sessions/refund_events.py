"""The events of a session's refunds. They are part of the session's stream, so its version moves.

Each one states every figure that its postings need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.money.money import Amount
from domain.sessions.events import SessionEvent
from domain.sessions.refund import Refund, RefundStatus

if TYPE_CHECKING:
    from domain.sessions.payment_session import PaymentSession


class RefundEvent(SessionEvent):
    """What every event of a refund states."""

    TOPIC = "refund.event"
    refund_id: str
    merchant_id: str
    wallet_id: str | None
    processor: str | None
    amount_minor: int
    currency: str
    exponent: int
    fee_returned_minor: int
    """In the session's currency."""
    credited_minor: int
    """What the payer gets back, in the payer's currency."""
    payer_currency: str
    payer_exponent: int
    spread_returned_minor: int
    """In the payer's currency; part of what the payer gets back."""
    reason: str

    def refund(self, status: RefundStatus) -> Refund:
        """The refund as this event states it."""
        return Refund(
            id=self.refund_id,
            status=status,
            amount_minor=self.amount_minor,
            credited=Amount(self.credited_minor, self.payer_currency, self.payer_exponent),
            spread_returned_minor=self.spread_returned_minor,
            fee_returned_minor=self.fee_returned_minor,
            reason=self.reason,
            created_at=self.timestamp,
        )


class RefundRequested(RefundEvent):
    """The merchant asked for a refund that a processor carries out; the money is set aside."""

    TOPIC = "refund.requested"

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the pending refund."""
        refund = self.refund(RefundStatus.PENDING)
        aggregate.refunds = {**aggregate.refunds, self.refund_id: refund}


class RefundSucceeded(RefundEvent):
    """The payer got the money back."""

    TOPIC = "refund.succeeded"
    reserved: bool
    """Whether the money was set aside by `refund.requested`."""
    refunded_minor: int
    """Of the session's amount so far, this refund included."""

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the refund, or the end of the pending one."""
        pending = aggregate.refunds.get(self.refund_id)
        refund = pending or self.refund(RefundStatus.SUCCEEDED)
        refunds = {**aggregate.refunds, self.refund_id: refund.ended(RefundStatus.SUCCEEDED)}
        aggregate.refunds = refunds


class RefundResolved(SessionEvent):
    """A person found out how a refund ended; the event that follows records the end."""

    TOPIC = "refund.resolved"
    refund_id: str
    outcome: str
    """`succeeded` or `failed`."""
    by: str
    """Who, as the operator names its people; no personal data."""
    reason: str

    def apply(self, aggregate: PaymentSession) -> None:
        """Nothing changes by itself."""


class RefundFailed(RefundEvent):
    """The processor could not carry out a refund; the money is the merchant's again."""

    TOPIC = "refund.failed"

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the end of the pending refund."""
        refund = aggregate.refunds[self.refund_id].ended(RefundStatus.FAILED)
        aggregate.refunds = {**aggregate.refunds, self.refund_id: refund}
