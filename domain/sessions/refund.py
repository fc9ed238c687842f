"""Refunds of a paid session: what each one returns, to the minor unit.

With r refunded so far, the present refund included, of the amount A, a refund returns of a total
floor(total x r / A) less what earlier refunds took. That holds for the payer's amount, the spread
and, by the plan's policy, the fee; the refund that completes A takes the remainders.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from domain.errors import InvalidRequest
from domain.merchants.fee_plan import FeeRefundPolicy
from domain.money.money import Amount, Money, check_range
from domain.money.shares import returned
from domain.sessions.attempt import check_person
from domain.sessions.errors import (
    RefundEnded,
    RefundExceedsPaid,
    RefundsExhausted,
    SessionNotPaid,
)
from domain.sessions.state import Funding, Status

if TYPE_CHECKING:
    from domain.sessions.payment_session import PaymentSession

REFUNDS_MAX: Final = 250
"""Refunds of one session, failed ones included."""
REASON_CHARS_MAX: Final = 200


class RefundStatus(StrEnum):
    """The status of a refund; the last two are final."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One refund."""

    id: str
    status: RefundStatus
    amount_minor: int
    """Of the session's amount, in its currency."""
    credited: Amount
    """What the payer gets back, in the payer's currency; the returned spread is part of it."""
    spread_returned_minor: int
    """In the payer's currency."""
    fee_returned_minor: int
    """In the session's currency."""
    reason: str
    created_at: datetime

    @property
    def counts(self) -> bool:
        """Whether it counts against what was paid."""
        return self.status is not RefundStatus.FAILED

    @property
    def debit_minor(self) -> int:
        """What the merchant is debited, in the session's currency."""
        return self.amount_minor - self.fee_returned_minor

    def ended(self, status: RefundStatus) -> Refund:
        """The refund with its final status."""
        return replace(self, status=status)


def refunded_minor(refunds: Iterable[Refund], *, pending: bool) -> int:
    """What has been refunded in all; with the pending refunds or without."""
    return sum(
        refund.amount_minor
        for refund in refunds
        if refund.status is RefundStatus.SUCCEEDED or (pending and refund.counts)
    )


def plan_refund(
    session: PaymentSession, *, refund_id: str, amount: Money, reason: str, at: datetime
) -> Refund:
    """The refund of an amount; see `PaymentSession.refund` for what it refuses."""
    check_range(amount.minor)
    if amount.currency != session.amount.currency:
        text = f"must be {session.amount.currency}, the session's currency"
        raise InvalidRequest.of("amount.currency", text)
    if len(reason) > REASON_CHARS_MAX:
        raise InvalidRequest.of("reason", f"may have at most {REASON_CHARS_MAX} characters")
    payment = session.payment
    if session.status is not Status.PAID or payment is None:
        raise SessionNotPaid(session_id=session.public_id, session_status=session.status.value)
    before, paid = refunded_minor(session.refunds.values(), pending=True), session.amount.minor
    disputed = session.disputed_minor
    if before + disputed + amount.minor > paid:
        raise RefundExceedsPaid(
            session_id=session.public_id,
            paid_minor=paid,
            refunded_minor=before + disputed,
            currency=amount.currency,
        )
    if len(session.refunds) >= REFUNDS_MAX:
        raise RefundsExhausted(session_id=session.public_id, refunds_max=REFUNDS_MAX)

    earlier = [refund for refund in session.refunds.values() if refund.counts]

    def share(total_minor: int, taken_minor: int) -> int:
        so_far = before + amount.minor
        return returned(total_minor, so_far=so_far, of=paid, taken_minor=taken_minor)

    credited = share(payment.payer_amount.minor, sum(one.credited.minor for one in earlier))
    spread = share(payment.spread_minor, sum(one.spread_returned_minor for one in earlier))
    fee = share(payment.fee_minor, sum(one.fee_returned_minor for one in earlier))
    proportional = session.fee_refund_policy is FeeRefundPolicy.PROPORTIONAL
    return Refund(
        id=refund_id,
        status=RefundStatus.PENDING,
        amount_minor=amount.minor,
        credited=payment.payer_amount._replace(minor=credited),
        spread_returned_minor=spread,
        fee_returned_minor=fee if proportional else 0,
        reason=reason,
        created_at=at,
    )


def request_refund(
    session: PaymentSession, *, refund_id: str, amount: Money, reason: str, at: datetime
) -> Refund:
    """Ask for a refund that the processor of the payment carries out.

    The caller also debits the merchant. Refuses what `PaymentSession.refund` refuses.
    """
    refund = plan_refund(session, refund_id=refund_id, amount=amount, reason=reason, at=at)
    session.trigger_event(session.RefundRequested, timestamp=at, **refund_fields(session, refund))
    return refund


def resolve_refund(
    session: PaymentSession, refund: Refund, *, succeeded: bool, by: str, reason: str, at: datetime
) -> None:
    """Record who found out how a refund ended; the caller records the end in the same append.

    Raises (checked in this order):
        RefundEnded: its end is known.
        InvalidRequest: who or why is empty or too long.
    """
    if refund.status is not RefundStatus.PENDING:
        raise RefundEnded(refund_id=refund.id, refund_status=refund.status.value)
    check_person(by, reason)
    outcome = RefundStatus.SUCCEEDED if succeeded else RefundStatus.FAILED
    session.trigger_event(
        session.RefundResolved,
        refund_id=refund.id,
        outcome=outcome.value,
        by=by,
        reason=reason,
        timestamp=at,
    )


def end_refund(
    session: PaymentSession, refund_id: str, *, succeeded: bool, at: datetime
) -> Refund | None:
    """Record what the processor says about a pending refund; None if its end is known.

    The caller also gives the merchant the money back if it failed.
    """
    refund = session.refunds[refund_id]
    if refund.status is not RefundStatus.PENDING:
        return None
    fields = refund_fields(session, refund)
    if succeeded:
        after = session.refunded_minor + refund.amount_minor
        session.trigger_event(
            session.RefundSucceeded, timestamp=at, reserved=True, refunded_minor=after, **fields
        )
    else:
        session.trigger_event(session.RefundFailed, timestamp=at, **fields)
    return refund


def refund_fields(session: PaymentSession, refund: Refund) -> dict[str, Any]:
    """The fields that every event of a refund states: all figures of its postings.

    Money that a processor took goes back through it, also if a wallet had asked for the payment.
    """
    payment = session.payment
    attempt = session.attempts.get(payment.attempt_id or "") if payment else None
    through = attempt.processor if attempt and attempt.funding is Funding.PROCESSOR else None
    return {
        "refund_id": refund.id,
        "merchant_id": session.merchant_id,
        "wallet_id": payment.wallet_id if payment and through is None else None,
        "processor": through,
        "amount_minor": refund.amount_minor,
        "currency": session.amount.currency,
        "exponent": session.exponent,
        "fee_returned_minor": refund.fee_returned_minor,
        "credited_minor": refund.credited.minor,
        "payer_currency": refund.credited.currency,
        "payer_exponent": refund.credited.exponent,
        "spread_returned_minor": refund.spread_returned_minor,
        "reason": refund.reason,
    }
