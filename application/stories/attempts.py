"""Stories of payments through the sandbox processor, which misbehaves by the amount's digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from application.commands.refund_session import RefundSession
from application.commands.request_void import RequestVoid
from application.commands.resolve_attempt import ResolveAttempt
from application.commands.resolve_refund import ResolveRefund
from application.stories import steps
from application.stories.stage import Stage, Story
from domain.money.money import Money
from domain.sessions.attempt import ATTEMPTS_MAX, AttemptStatus
from domain.sessions.payment_session import PaymentSession

DECLINES: Final = 61
REDIRECTS: Final = 62
SLOW: Final = 63
SILENT_FOR_EVER: Final = 66
TAKES_MORE: Final = 70
DISPUTES: Final = 76
DISPUTE_WON: Final = 77
DISPUTE_LOST: Final = 78
"""What the sandbox does (`docs/explanation/processors.md`)."""
DISPUTED_SECONDS: Final = 15
"""After the payment the sandbox has said that it is disputed."""
DECIDED_SECONDS: Final = 15
"""After that it has said who was right."""


def _processing(stage: Stage) -> UUID:
    session_id = steps.create(stage, SLOW)
    steps.attempt(stage, session_id)
    return session_id


def _accepted(stage: Stage) -> UUID:
    session_id = _processing(stage)
    stage.until(session_id, PaymentSession.AttemptAccepted.TOPIC)
    return session_id


def _declined(stage: Stage) -> UUID:
    session_id = steps.create(stage, DECLINES)
    steps.attempt(stage, session_id)
    stage.until(session_id, PaymentSession.Declined.TOPIC)
    return session_id


def _failed(stage: Stage) -> UUID:
    session_id = steps.create(stage, DECLINES)
    for number in range(1, ATTEMPTS_MAX + 1):
        steps.attempt(stage, session_id)
        stage.until(session_id, PaymentSession.Declined.TOPIC, number)
    stage.until(session_id, PaymentSession.Failed.TOPIC)
    return session_id


def _flagged(stage: Stage) -> UUID:
    session_id = steps.create(stage, TAKES_MORE)
    steps.attempt(stage, session_id)
    stage.until(session_id, PaymentSession.Flagged.TOPIC)
    return session_id


def _unanswered(stage: Stage) -> tuple[UUID, UUID]:
    session_id = steps.create(stage, SILENT_FOR_EVER)
    attempt_id = steps.attempt(stage, session_id)
    stage.until(session_id, PaymentSession.Unanswered.TOPIC)
    return session_id, attempt_id


def _resolved(stage: Stage) -> UUID:
    session_id, attempt_id = _unanswered(stage)
    command = ResolveAttempt(
        session_id=session_id,
        attempt_id=attempt_id,
        outcome=AttemptStatus.DECLINED,
        by="trigger",
        reason="as if a person had asked the processor",
    )
    stage.send("a person finds out that no money was taken", command)
    return session_id


def _void_requested(stage: Stage) -> UUID:
    session_id = steps.create(stage, REDIRECTS)
    attempt_id = steps.attempt(stage, session_id)
    stage.until(session_id, PaymentSession.AttemptAccepted.TOPIC)
    command = RequestVoid(session_id=session_id, attempt_id=attempt_id)
    stage.send("the payer chooses another way", command)
    return session_id


def _refund(stage: Stage, minor: int) -> tuple[UUID, UUID]:
    session_id, refund_id = steps.pay_through_sandbox(stage), stage.new_id()
    stage.send_debit(
        "the merchant asks for a refund",
        steps.CURRENCY,
        lambda earned: RefundSession(
            refund_id=refund_id,
            session_id=session_id,
            merchant_id=stage.merchant_id,
            amount=Money(minor, steps.CURRENCY),
            credits=earned,
            credits_are_current=True,
            reason="trigger",
        ),
    )
    return session_id, refund_id


def _refund_requested(stage: Stage) -> UUID:
    return _refund(stage, 100)[0]


def _refund_failed(stage: Stage) -> UUID:
    session_id, _ = _refund(stage, 100 + DECLINES)
    stage.until(session_id, PaymentSession.RefundFailed.TOPIC)
    return session_id


def _refund_resolved(stage: Stage) -> UUID:
    session_id, refund_id = _refund(stage, 100 + SILENT_FOR_EVER)
    command = ResolveRefund(
        session_id=session_id,
        refund_id=refund_id,
        succeeded=True,
        by="trigger",
        reason="as if a person had asked the processor",
    )
    stage.send("a person finds out that the money was given back", command)
    return session_id


def _disputed(stage: Stage, digits: int = DISPUTES) -> UUID:
    session_id = steps.pay_through_sandbox(stage, digits)
    stage.advance(DISPUTED_SECONDS)
    stage.until(session_id, PaymentSession.DisputeOpened.TOPIC)
    return session_id


def _dispute_won(stage: Stage) -> UUID:
    session_id = _disputed(stage, DISPUTE_WON)
    stage.advance(DECIDED_SECONDS)
    stage.until(session_id, PaymentSession.DisputeWon.TOPIC)
    return session_id


def _dispute_lost(stage: Stage) -> UUID:
    session_id = _disputed(stage, DISPUTE_LOST)
    stage.advance(DECIDED_SECONDS)
    stage.until(session_id, PaymentSession.DisputeLost.TOPIC)
    return session_id


ATTEMPT_STORIES: Final[Mapping[str, Story]] = {
    PaymentSession.Processing.TOPIC: Story("a payer chooses the sandbox", _processing),
    PaymentSession.AttemptAccepted.TOPIC: Story("the sandbox takes the payment up", _accepted),
    PaymentSession.Unanswered.TOPIC: Story(
        "the sandbox does not answer", lambda stage: _unanswered(stage)[0]
    ),
    PaymentSession.VoidRequested.TOPIC: Story(
        "a payer leaves the sandbox's page for another way to pay", _void_requested
    ),
    PaymentSession.Resolved.TOPIC: Story(
        "a person finds out how an unanswered payment ended", _resolved
    ),
    PaymentSession.Declined.TOPIC: Story("the sandbox declines", _declined),
    PaymentSession.Failed.TOPIC: Story("the sandbox declines five times", _failed),
    PaymentSession.Flagged.TOPIC: Story("the sandbox takes more than it was asked for", _flagged),
    PaymentSession.RefundRequested.TOPIC: Story(
        "a refund of what the sandbox took begins", _refund_requested
    ),
    PaymentSession.RefundFailed.TOPIC: Story("the sandbox declines a refund", _refund_failed),
    PaymentSession.RefundResolved.TOPIC: Story(
        "a person finds out how an unanswered refund ended", _refund_resolved
    ),
    PaymentSession.DisputeOpened.TOPIC: Story(
        "a payer disputes; advances the test clock by 15 s", _disputed
    ),
    PaymentSession.DisputeWon.TOPIC: Story(
        "the merchant wins a dispute; advances the test clock by 30 s", _dispute_won
    ),
    PaymentSession.DisputeLost.TOPIC: Story(
        "the merchant loses a dispute; advances the test clock by 30 s", _dispute_lost
    ),
}
