"""How attempts of a session are recorded; `domain.sessions.attempts` decides what is."""

from __future__ import annotations

from datetime import datetime

from domain import times
from domain.errors import InvalidRequest
from domain.money.money import Amount
from domain.sessions import attempt_events as events
from domain.sessions.attempt import (
    ACTIVE,
    ATTEMPTS_MAX,
    REASON_CHARS_MAX,
    Attempt,
    AttemptStatus,
    Flag,
    Heard,
    check_person,
)
from domain.sessions.errors import AttemptEnded, PaymentDeclined
from domain.sessions.paying import record_paid
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import Refund
from domain.sessions.state import OPEN, Claim, Funding, Status
from domain.text import replace_unacceptable
from domain.wallets.account import WalletAccount


def start(
    session: PaymentSession,
    *,
    attempt_id: str,
    processor: str,
    funding: Funding,
    claim: Claim | None,
    at: datetime,
) -> Attempt:
    """Begin an attempt; the caller has checked that the session is open, and who may pay how.

    Args:
        session: the session.
        attempt_id: the id of a new attempt.
        processor: which one.
        funding: whose money it is; the caller holds it if it is the wallet's.
        claim: the claim of the wallet that pays, if one does.
        at: the ledger's time, UTC.
    """
    session.trigger_event(
        events.Processing,
        attempt_id=attempt_id,
        processor=processor,
        funding=funding.value,
        amount_minor=session.amount.minor,
        currency=session.amount.currency,
        exponent=session.exponent,
        wallet_id=claim.wallet_id if claim else None,
        wallet_app_id=claim.wallet_app_id if claim else None,
        claim_id=claim.id if claim else None,
        merchant_id=session.merchant_id,
        expires_at=times.to_text(session.expires_at),
        timestamp=at,
    )
    return session.attempts[attempt_id]


def request_void(session: PaymentSession, attempt: Attempt, *, reason: str, at: datetime) -> None:
    """Ask the processor to end an attempt; nothing if it has ended or was asked for."""
    if attempt.active and not attempt.void_requested:
        session.trigger_event(
            events.VoidRequested,
            attempt_id=attempt.id,
            processor=attempt.processor,
            reason=replace_unacceptable(reason)[:REASON_CHARS_MAX],
            timestamp=at,
        )


def resolve(
    session: PaymentSession,
    attempt: Attempt,
    *,
    outcome: AttemptStatus,
    by: str,
    reason: str,
    at: datetime,
) -> None:
    """Record who found out how an attempt ended; the caller records the end in the same append.

    Raises (checked in this order):
        AttemptEnded: its end is known.
        InvalidRequest: the outcome is no end, or who or why is empty or too long.
    """
    if not attempt.active:
        raise AttemptEnded(attempt_id=attempt.id, attempt_status=attempt.status.value)
    if outcome in ACTIVE:
        raise InvalidRequest.of("outcome", "must be captured, declined or voided")
    check_person(by, reason)
    session.trigger_event(
        events.Resolved,
        attempt_id=attempt.id,
        outcome=outcome.value,
        by=by,
        reason=reason,
        timestamp=at,
    )


def end_if_due(session: PaymentSession, at: datetime) -> Status | None:
    """End an open session whose deadline has passed, or that had its last attempt."""
    if session.status not in OPEN:
        return None
    if session.expire(at=at):
        return Status.EXPIRED
    if len(session.attempts) >= ATTEMPTS_MAX:
        session.trigger_event(events.Failed, attempts=len(session.attempts), timestamp=at)
        return Status.FAILED
    return None


def refusal(session: PaymentSession, attempt: Attempt) -> PaymentDeclined | None:
    """What the payer is told if an attempt has ended without a payment; else None."""
    payment = session.payment
    if attempt.active or (payment is not None and payment.attempt_id == attempt.id):
        return None
    return PaymentDeclined(session_id=session.public_id, processor=attempt.processor)


def pay_by_attempt(session: PaymentSession, attempt: Attempt, *, at: datetime) -> None:
    """Record that an attempt has paid the session in full."""
    record_paid(
        session,
        at=at,
        funding=attempt.funding,
        source=WalletAccount.HELD if attempt.funding is Funding.WALLET else None,
        wallet_id=attempt.wallet_id,
        claim_id=attempt.claim_id,
        attempt=attempt,
    )


class Recorder:
    """Records the events of one word about one attempt."""

    def __init__(
        self, session: PaymentSession, attempt: Attempt, heard: Heard, at: datetime
    ) -> None:
        self._session = session
        self.attempt = attempt
        self.heard = heard
        self.at = at

    def accepted(self) -> None:
        """The processor has the attempt, under its reference."""
        self._session.trigger_event(
            events.Accepted,
            attempt_id=self.attempt.id,
            processor=self.attempt.processor,
            reference=self.heard.reference,
            timestamp=self.at,
        )

    def unanswered(self) -> None:
        """The processor does not answer."""
        self._session.trigger_event(
            events.Unanswered,
            attempt_id=self.attempt.id,
            processor=self.attempt.processor,
            timestamp=self.at,
        )

    def reference(self) -> None:
        """The reference of the captured money, unless it is known."""
        if self.heard.reference != self.attempt.reference:
            self.accepted()

    def declined(self, said_no: bool) -> None:  # noqa: FBT001 - the only fact
        """The attempt ended without a payment."""
        session, attempt = self._session, self.attempt
        session.trigger_event(
            events.Declined,
            attempt_id=attempt.id,
            outcome=(AttemptStatus.DECLINED if said_no else AttemptStatus.VOIDED).value,
            reason=self.heard.reason,
            processor=attempt.processor,
            funding=attempt.funding.value,
            wallet_id=attempt.wallet_id,
            amount_minor=attempt.amount.minor,
            currency=attempt.amount.currency,
            exponent=session.exponent,
            merchant_id=session.merchant_id,
            session_status=_reopened(session).value,
            expires_at=times.to_text(session.expires_at),
            timestamp=self.at,
        )

    def flagged(self, flag: Flag, captured: Amount | None, suspense_id: str | None) -> None:
        """Flag the attempt; a flag that is not about new money is recorded once."""
        attempt = self.attempt
        second = attempt.captured is not None
        if (captured is None or second) and (flag, attempt.id) in self._session.flagged:
            return
        _flag(
            self._session,
            flag,
            subject_id=attempt.id,
            processor=attempt.processor,
            reference=self.heard.reference,
            captured=captured,
            suspense_id=suspense_id,
            ends=captured is not None and attempt.active,
            reason=self.heard.reason,
            at=self.at,
        )


def flag_refund(
    session: PaymentSession, refund: Refund, flag: Flag, *, reason: str, at: datetime
) -> None:
    """Flag a refund that a processor carries out, once for each flag."""
    attempt = session.attempts.get(session.payment.attempt_id or "") if session.payment else None
    if attempt is not None and (flag, refund.id) not in session.flagged:
        _flag(
            session,
            flag,
            subject_id=refund.id,
            processor=attempt.processor,
            reference=attempt.reference,
            captured=None,
            suspense_id=None,
            ends=False,
            reason=replace_unacceptable(reason)[:REASON_CHARS_MAX],
            at=at,
        )


def _flag(
    session: PaymentSession,
    flag: Flag,
    *,
    subject_id: str,
    processor: str,
    reference: str,
    captured: Amount | None,
    suspense_id: str | None,
    ends: bool,
    reason: str,
    at: datetime,
) -> None:
    """Record a flag. `ends`: it is about money that ends the attempt under way."""
    reopens = ends and session.status is Status.PROCESSING
    amount = captured or Amount(0, session.amount.currency, session.exponent)
    others = [one for one in session.flags if one != flag]
    session.trigger_event(
        events.Flagged,
        flag=flag.value,
        flags=[*others, flag.value],
        subject_id=subject_id,
        processor=processor,
        reference=reference,
        captured_minor=amount.minor,
        currency=amount.currency,
        exponent=amount.exponent,
        suspense_id=suspense_id,
        reason=reason,
        merchant_id=session.merchant_id,
        session_status=(_reopened(session) if reopens else session.status).value,
        expires_at=times.to_text(session.expires_at),
        timestamp=at,
    )


def _reopened(session: PaymentSession) -> Status:
    """The status once an attempt has ended without a payment."""
    return Status.SCANNED if session.claim else Status.CREATED
