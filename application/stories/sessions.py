"""Stories of sessions that are paid with wallets, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from application.commands.cancel_session import CancelSession
from application.commands.refund_session import RefundSession
from application.commands.release_claim import ReleaseClaim
from application.commands.restrict_session import RestrictSession
from application.stories import steps
from application.stories.stage import Stage, Story
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession


def _scanned(stage: Stage) -> UUID:
    return steps.scan(stage).session_id


def _claim_released(stage: Stage) -> UUID:
    scanned = steps.scan(stage)
    command = ReleaseClaim(session_id=scanned.session_id, wallet_app_id=stage.wallet_app_id)
    stage.send("the payer lets it go", command)
    return scanned.session_id


def _cancelled(stage: Stage) -> UUID:
    session_id = steps.create(stage)
    command = CancelSession(session_id=session_id, merchant_id=steps.public_merchant(stage))
    stage.send("the merchant cancels", command)
    return session_id


def _expired(stage: Stage) -> UUID:
    session_id = steps.create(stage)
    stage.advance(steps.EXPIRES_SECONDS)
    stage.until(session_id, PaymentSession.Expired.TOPIC)
    return session_id


def _restricted(stage: Stage) -> UUID:
    session_id = _cancelled(stage)
    stage.send("the operator erases personal data", RestrictSession(session_id=session_id))
    return session_id


def _refunded(stage: Stage) -> UUID:
    session_id = steps.pay(stage)
    stage.send_debit(
        "the merchant refunds a part",
        steps.CURRENCY,
        lambda earned: RefundSession(
            refund_id=stage.new_id(),
            session_id=session_id,
            merchant_id=stage.merchant_id,
            amount=Money(steps.PRICE_MINOR // 2, steps.CURRENCY),
            credits=earned,
            credits_are_current=True,
            reason="trigger",
        ),
    )
    return session_id


SESSION_STORIES: Final[Mapping[str, Story]] = {
    PaymentSession.Created.TOPIC: Story("a merchant asks for a payment", steps.create),
    PaymentSession.Scanned.TOPIC: Story("a wallet scans the code", _scanned),
    PaymentSession.ClaimReleased.TOPIC: Story("a wallet lets the session go", _claim_released),
    PaymentSession.Paid.TOPIC: Story("a wallet pays", steps.pay),
    PaymentSession.Cancelled.TOPIC: Story("the merchant cancels", _cancelled),
    PaymentSession.Restricted.TOPIC: Story(
        "the operator erases what the texts of a session say of people", _restricted
    ),
    PaymentSession.Expired.TOPIC: Story(
        "nobody pays; advances the test clock by 15 minutes", _expired
    ),
    PaymentSession.RefundSucceeded.TOPIC: Story("half of a payment is refunded", _refunded),
}
