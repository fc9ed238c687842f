"""Disputes of a payment: the processor has taken the money back, whether the merchant can pay it.

A dispute is never refused. The merchant bears it as far as it has not returned the payment yet; the
rest is the house's until the dispute is won, so refunds and disputes together never exceed what was
paid.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from domain.errors import InvalidRequest
from domain.money.money import Money, check_range
from domain.sessions.dispute_events import (
    Dispute,
    DisputeLost,
    DisputeOpened,
    DisputeStatus,
    DisputeWon,
)
from domain.sessions.errors import DisputesExhausted, SessionNotPaid
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import refunded_minor
from domain.sessions.state import Funding, Status
from domain.text import replace_unacceptable

DISPUTES_MAX: Final = 25
"""Disputes of one session; a payment has one or two."""
REASON_CHARS_MAX: Final = 200


def open_dispute(
    session: PaymentSession,
    *,
    dispute_id: str,
    reference: str,
    amount: Money,
    reason: str,
    at: datetime,
) -> Dispute | None:
    """Record that the processor has taken money back; None if the dispute is known.

    The caller also debits the merchant its part, covered or not, and records both or neither.

    Raises (checked in this order):
        SessionNotPaid: no processor's money has paid the session.
        InvalidRequest: the amount is out of range or in another currency.
        DisputesExhausted: the session has 25 disputes.
    """
    if dispute_id in session.disputes:
        return None
    payment = session.payment
    if session.status is not Status.PAID or not payment or payment.funding is Funding.WALLET:
        raise SessionNotPaid(session_id=session.public_id, session_status=session.status.value)
    check_range(amount.minor)
    if amount.currency != session.amount.currency:
        text = f"must be {session.amount.currency}, the session's currency"
        raise InvalidRequest.of("amount.currency", text)
    if len(session.disputes) >= DISPUTES_MAX:
        raise DisputesExhausted(session_id=session.public_id, disputes_max=DISPUTES_MAX)
    taken = refunded_minor(session.refunds.values(), pending=True) + session.disputed_minor
    dispute = Dispute(
        id=dispute_id,
        reference=reference,
        status=DisputeStatus.OPEN,
        amount_minor=amount.minor,
        merchant_minor=min(amount.minor, session.amount.minor - taken),
        reason=replace_unacceptable(reason)[:REASON_CHARS_MAX],
    )
    after = session.disputed_minor + dispute.merchant_minor
    session.trigger_event(DisputeOpened, timestamp=at, **_fields(session, dispute, after))
    return dispute


def close_dispute(
    session: PaymentSession, dispute_id: str, *, won: bool, at: datetime
) -> Dispute | None:
    """Record how an open dispute was decided; None if it has been decided before.

    The caller also gives the merchant its part back if the dispute is won.
    """
    dispute = session.disputes[dispute_id]
    if dispute.status is not DisputeStatus.OPEN:
        return None
    status, kind = (DisputeStatus.WON, DisputeWon) if won else (DisputeStatus.LOST, DisputeLost)
    after = session.disputed_minor - (dispute.merchant_minor if won else 0)
    session.trigger_event(kind, timestamp=at, **_fields(session, dispute, after))
    return replace(dispute, status=status)


def _fields(session: PaymentSession, dispute: Dispute, after_minor: int) -> dict[str, Any]:
    attempt_id = session.payment.attempt_id if session.payment else None
    return {
        "dispute_id": dispute.id,
        "reference": dispute.reference,
        "processor": session.attempts[attempt_id].processor if attempt_id else "",
        "attempt_id": attempt_id,
        "merchant_id": session.merchant_id,
        "amount_minor": dispute.amount_minor,
        "merchant_minor": dispute.merchant_minor,
        "currency": session.amount.currency,
        "exponent": session.exponent,
        "reason": dispute.reason,
        "disputed_minor": after_minor,
    }
