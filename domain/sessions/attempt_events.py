"""The events of a session's attempts to pay through a processor. They are in the session's stream.

Redirect addresses and tokens of payers are not part of any event.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from domain.money.money import Amount, Money
from domain.sessions.attempt import Attempt, AttemptStatus
from domain.sessions.events import SessionEvent
from domain.sessions.state import Funding, Status

if TYPE_CHECKING:
    from domain.sessions.payment_session import PaymentSession


def _change(session: PaymentSession, attempt_id: str, **facts: Any) -> None:
    """Replace an attempt by a copy with other facts."""
    attempt = replace(session.attempts[attempt_id], **facts)
    session.attempts = {**session.attempts, attempt_id: attempt}


class AttemptEvent(SessionEvent):
    """The base of these events."""

    TOPIC = "attempt.event"
    attempt_id: str


class Processing(SessionEvent):
    """An attempt to pay through a processor began; nothing but its end changes the session."""

    TOPIC = "payment_session.processing"
    attempt_id: str
    processor: str
    funding: str
    """`processor`: it takes the money. `wallet`: it authorises, and the wallet's money is held."""
    amount_minor: int
    currency: str
    exponent: int
    wallet_id: str | None
    wallet_app_id: str | None
    claim_id: str | None
    merchant_id: str
    expires_at: str

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the attempt."""
        attempt = Attempt(
            id=self.attempt_id,
            processor=self.processor,
            funding=Funding(self.funding),
            amount=Money(self.amount_minor, self.currency),
            wallet_id=self.wallet_id,
            wallet_app_id=self.wallet_app_id,
            claim_id=self.claim_id,
            status=AttemptStatus.STARTED,
            created_at=self.timestamp,
        )
        aggregate.attempts = {**aggregate.attempts, attempt.id: attempt}
        aggregate.status = Status.PROCESSING


class Accepted(AttemptEvent):
    """The processor has taken the attempt up, or answers again."""

    TOPIC = "attempt.accepted"
    processor: str
    reference: str
    """The processor's."""

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the reference."""
        status = AttemptStatus.PROCESSING
        _change(aggregate, self.attempt_id, status=status, reference=self.reference)


class Unanswered(AttemptEvent):
    """The processor does not answer: whether it has taken the money is not known."""

    TOPIC = "attempt.unanswered"
    processor: str

    def apply(self, aggregate: PaymentSession) -> None:
        """The attempt is not ended by this."""
        count = aggregate.attempts[self.attempt_id].unanswered + 1
        _change(aggregate, self.attempt_id, status=AttemptStatus.UNKNOWN, unanswered=count)


class VoidRequested(AttemptEvent):
    """The payer chose another way, so the processor is asked to end the attempt."""

    TOPIC = "attempt.void_requested"
    processor: str
    reason: str

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the request; the processor's answer decides."""
        _change(aggregate, self.attempt_id, void_requested=True)


class Resolved(AttemptEvent):
    """A person found out how an attempt ended; the events that follow record the end."""

    TOPIC = "attempt.resolved"
    outcome: str
    """`captured`, `declined` or `voided`."""
    by: str
    """Who, as the operator names its people; no personal data."""
    reason: str

    def apply(self, aggregate: PaymentSession) -> None:
        """Nothing changes by itself."""


class Declined(SessionEvent):
    """An attempt ended without a payment."""

    TOPIC = "payment_session.declined"
    attempt_id: str
    outcome: str
    """`declined` or `voided`."""
    reason: str
    """The processor's code, without personal data."""
    processor: str
    funding: str
    wallet_id: str | None
    amount_minor: int
    currency: str
    exponent: int
    merchant_id: str
    session_status: str
    """`created` or `scanned`: it can be paid in another way, unless a further event ends it."""
    expires_at: str
    """The session's deadline: it counts again."""

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the end."""
        _change(aggregate, self.attempt_id, status=AttemptStatus(self.outcome))
        aggregate.status = Status(self.session_status)


class Failed(SessionEvent):
    """The last attempt that a session may have ended without a payment."""

    TOPIC = "payment_session.failed"
    attempts: int

    def apply(self, aggregate: PaymentSession) -> None:
        """The session has ended."""
        aggregate.status = Status.FAILED
        aggregate.ended_at = self.timestamp


class Flagged(SessionEvent):
    """Something about the session's money is not as it should be. States what, and where it is."""

    TOPIC = "payment_session.flagged"
    flag: str
    flags: list[str]
    """Every flag of the session, this one included."""
    subject_id: str
    """The attempt or refund."""
    processor: str
    reference: str
    """The processor's."""
    captured_minor: int
    """Everything that was captured; 0 if the flag is not about money that arrived."""
    currency: str
    exponent: int
    suspense_id: str | None
    """Where the money is that is not the payment's."""
    reason: str
    merchant_id: str
    session_status: str
    """After this event: money that is not the amount ends an attempt, so another may begin."""
    expires_at: str
    """The session's deadline: it counts again if an attempt has ended."""

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the flag, and the money if there is some."""
        aggregate.status = Status(self.session_status)
        aggregate.flags = tuple(self.flags)
        aggregate.flagged |= {(self.flag, self.subject_id)}
        attempt = aggregate.attempts.get(self.subject_id)
        if attempt is None or not self.captured_minor:
            return
        if attempt.status is AttemptStatus.CAPTURED and attempt.reference != self.reference:
            return  # a second payment for the same attempt; the first one counts
        _change(
            aggregate,
            attempt.id,
            status=AttemptStatus.CAPTURED,
            reference=self.reference,
            captured=Amount(self.captured_minor, self.currency, self.exponent),
            suspense_id=self.suspense_id,
        )
