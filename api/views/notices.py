"""What a payer must be told beside the status of a session: one notice, or none."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.sessions.attempt import Attempt, AttemptStatus, Flag
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN, Status


class Notice(StrEnum):
    """What happened to the payer's money, or is to be done next."""

    UNANSWERED = "unanswered"
    """The processor does not answer; whether it has taken the money is not known."""
    UNRESOLVED = "unresolved"
    """It has not answered for so long that a person finds out."""
    ENDING = "ending"
    """It has been asked to end the attempt, which may still succeed."""
    DECLINED = "declined"
    """The latest attempt was declined, and the session is open again."""
    VOIDED = "voided"
    """The latest attempt ended without a payment, and the session is open again."""
    LATE = "late"
    """Money arrived after its attempt had ended; it is returned unless the merchant accepts it."""
    MISMATCHED = "mismatched"
    """Another amount or currency arrived; it is returned."""
    OVER = "over"
    """More than the amount arrived; the excess is returned."""
    DUPLICATE = "duplicate"
    """Money arrived although the session was paid; it is returned."""


def notice_of(session: PaymentSession, now: datetime) -> Notice | None:
    """The notice of a session: money that is returned comes before an attempt that has ended."""
    status = session.status_at(now)
    attempts = list(session.attempts.values())
    if status is Status.PROCESSING:
        return _of_processing(session)
    money = _of_money(session, status, attempts)
    if money is not None or not attempts or status not in OPEN:
        return money
    said_no = attempts[-1].status is AttemptStatus.DECLINED
    return Notice.DECLINED if said_no else Notice.VOIDED


def _of_processing(session: PaymentSession) -> Notice | None:
    attempt = session.current_attempt
    if attempt is None:
        return None
    if (Flag.UNRESOLVED, attempt.id) in session.flagged:  # not an earlier attempt
        return Notice.UNRESOLVED
    if attempt.void_requested:
        return Notice.ENDING
    return Notice.UNANSWERED if attempt.status is AttemptStatus.UNKNOWN else None


def _of_money(session: PaymentSession, status: Status, attempts: list[Attempt]) -> Notice | None:
    """About captured money that is not the payment, the latest first."""
    paid_by = session.payment.attempt_id if session.payment else None
    if status is Status.PAID and Flag.DUPLICATE in session.flags:
        return Notice.DUPLICATE
    for attempt in reversed(attempts):
        captured = attempt.captured
        if captured is None or attempt.suspense_id is None:
            continue
        if attempt.id == paid_by:
            if (Flag.OVER, attempt.id) in session.flagged:
                return Notice.OVER
        elif (Flag.LATE, attempt.id) in session.flagged:
            return Notice.LATE
        else:
            return Notice.MISMATCHED
    return None
