"""What an answer of a processor means: the commands that record it. The same for every way it came.

An answer that is known already, late or backward is decided by the commands, which record nothing
then; so answers of `begin`, `void` and `status`, and callbacks, may come in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from application import callbacks
from application.command import Command
from application.commands.accept_attempt import AcceptAttempt
from application.commands.capture_attempt import CaptureAttempt
from application.commands.close_dispute import CloseDispute
from application.commands.decline_attempt import DeclineAttempt
from application.commands.fail_refund import FailRefund
from application.commands.open_dispute import OpenDispute
from application.commands.succeed_refund import SucceedRefund
from application.commands.void_attempt import VoidAttempt
from application.ports.attempt_notes import AttemptNotes
from application.ports.processor import (
    BEHAVIOUR_KEY,
    FINAL,
    Answer,
    Charge,
    Processor,
    ReturnAddress,
    State,
    Unavailable,
)
from application.reader import Reader
from domain import ids
from domain.sessions.attempt import Attempt
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Funding


def processor_of(processors: Mapping[str, Processor], name: str) -> Processor:
    """The processor of this name.

    Raises:
        Unavailable: it is not configured any more.
    """
    if name not in processors:
        msg = f"the processor {name} is not configured"
        raise Unavailable(msg)
    return processors[name]


def charge_of(session: PaymentSession, attempt: Attempt, return_address: ReturnAddress) -> Charge:
    """An attempt as its processor sees it.

    Args:
        session: whose attempt it is.
        attempt: the attempt.
        return_address: where the payer comes back to.
    """
    key = callbacks.make_key(session.id, "att", ids.decode("att", attempt.id))
    return Charge(
        key=key,
        session_id=session.public_id,
        attempt_id=attempt.id,
        amount=attempt.amount,
        expires_at=session.expires_at,
        description=session.description,
        return_url=return_address(session.id, session.expires_at),
        capture=attempt.funding is Funding.PROCESSOR,
        reference=attempt.reference,
        begun_at=attempt.created_at,
        behaviour=session.metadata.get(BEHAVIOUR_KEY, ""),
    )


def is_end(attempt: Attempt, answer: Answer) -> bool:
    """Whether it ends an attempt: money that is only authorised pays if it is the wallet's."""
    return answer.state in FINAL or (
        answer.state is State.AUTHORISED and attempt.funding is Funding.WALLET
    )


def about_attempt(
    session_id: UUID, attempt: Attempt, answer: Answer, accept_seconds: int
) -> list[Command]:
    """The commands that record what is said about an attempt; none if nothing is known by it.

    Args:
        session_id: its session.
        attempt: the attempt.
        answer: what is said.
        accept_seconds: how long the merchant may accept late money before it is returned.
    """
    attempt_id, reference = ids.decode("att", attempt.id), answer.reference
    same: dict[str, Any] = {"session_id": session_id, "attempt_id": attempt_id}
    if not is_end(attempt, answer):
        known = answer.state is not State.NOT_FOUND and reference
        return [AcceptAttempt(reference=reference, **same)] if known else []
    match answer.state:
        case State.DECLINED:
            return [DeclineAttempt(reference=reference, reason=answer.reason, **same)]
        case State.VOIDED:
            return [VoidAttempt(reference=reference, reason=answer.reason, **same)]
        case State.CAPTURED | State.AUTHORISED if answer.amount is not None:
            same["accept_seconds"] = accept_seconds
            return [CaptureAttempt(reference=reference, money=answer.amount, **same)]
    return []


def capture(processor: Processor, charge: Charge, answer: Answer) -> Answer:
    """The answer, or that of a capture, if the money is authorised and has to be taken.

    Raises:
        ProcessorError: see `Processor.capture`.
    """
    if answer.state is not State.AUTHORISED or not charge.capture:
        return answer
    return processor.capture(replace(charge, reference=answer.reference or charge.reference))


def about_refund(session_id: UUID, refund_id: UUID, answer: Answer) -> list[Command]:
    """The commands that record what is said about a refund."""
    if answer.state is State.REFUNDED:
        return [SucceedRefund(session_id=session_id, refund_id=refund_id)]
    if answer.state is State.DECLINED:
        return [FailRefund(session_id=session_id, refund_id=refund_id)]
    return []


def about_dispute(session_id: UUID, answer: Answer) -> list[Command]:
    """The commands that record what is said about a dispute."""
    if answer.amount is None:
        return []
    facts: dict[str, Any] = {
        "session_id": session_id,
        "reference": answer.reference,
        "money": answer.amount,
    }
    if answer.state is State.DISPUTE_OPENED:
        return [OpenDispute(reason=answer.reason, **facts)]
    won = answer.state is State.DISPUTE_WON
    return [CloseDispute(won=won, reason=answer.reason, **facts)]


class Keeper:
    """Keeps beside the log what payers and later callbacks need of attempts under way."""

    def __init__(self, notes: AttemptNotes, reader: Reader) -> None:
        """Keep it in `notes`, as long as the attempt has no end in the log."""
        self._notes = notes
        self._reader = reader

    def begin(self, processor: Processor, name: str, charge: Charge) -> Answer:
        """Begin a charge, keep what is needed of it, and capture if it has to be captured.

        Raises:
            ProcessorError: see `Processor.begin`.
        """
        source = self._notes.of(charge.attempt_id).source
        answer = processor.begin(replace(charge, source=source))
        self.keep(name, charge, answer)
        return capture(processor, charge, answer)

    def keep(self, name: str, charge: Charge, answer: Answer) -> None:
        """Keep where the payer has to go, and the processor's name of the charge.

        An attempt may have ended, and its notes been deleted, during the call. So its end is looked
        for after the note is stored: if it comes later than that, so does its deletion.
        """
        if answer.reference:
            self._notes.set_key(name, answer.reference, charge.key)
        if not answer.redirect_url:
            return
        self._notes.set_redirect(charge.attempt_id, answer.redirect_url)
        session_id = ids.decode("ps", charge.session_id)
        session = self._reader.get(PaymentSession, session_id, "payment session").state
        if not session.attempts[charge.attempt_id].active:
            self._notes.forget(charge.attempt_id)
