"""Stories of payouts, which the sandbox bank sends; it goes by the amount's digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from application.commands.request_payout import RequestPayout
from application.commands.set_payout_terms import SetPayoutTerms
from application.stories import steps
from application.stories.stage import Stage, Story
from domain.merchants.payout_terms import PayoutTerms
from domain.money.money import Money
from domain.payouts.payout import Payout

AMOUNT_MINOR: Final = 1000
RETURNED: Final = 91
"""What the sandbox bank does (`docs/howto/pay-out-merchants.md`)."""
DESTINATION: Final = "trigger account"
ASKED_SECONDS: Final = 6
"""After sending, the bank is asked for the first time."""


def _requested(stage: Stage, digits: int = 0) -> UUID:
    steps.pay(stage)
    if steps.CURRENCY not in stage.merchant().payout_terms:
        terms = SetPayoutTerms(
            merchant_id=stage.merchant_id,
            currency=steps.CURRENCY,
            terms=PayoutTerms(DESTINATION),
        )
        stage.send("the operator registers a destination", terms)
    payout_id = stage.new_id()
    stage.send_debit(
        "the merchant asks for a payout",
        steps.CURRENCY,
        lambda earned: RequestPayout(
            payout_id=payout_id,
            merchant_id=stage.merchant_id,
            amount=Money(AMOUNT_MINOR + digits, steps.CURRENCY),
            credits=earned,
            credits_are_current=True,
        ),
    )
    return payout_id


def _sent(stage: Stage, digits: int = 0) -> UUID:
    payout_id = _requested(stage, digits)
    stage.until(payout_id, Payout.Sent.TOPIC)
    return payout_id


def _settled(stage: Stage) -> UUID:
    payout_id = _sent(stage)
    stage.advance(ASKED_SECONDS)
    stage.until(payout_id, Payout.Settled.TOPIC)
    return payout_id


def _returned(stage: Stage) -> UUID:
    payout_id = _sent(stage, RETURNED)
    stage.advance(ASKED_SECONDS)
    stage.until(payout_id, Payout.Returned.TOPIC)
    return payout_id


PAYOUT_STORIES: Final[Mapping[str, Story]] = {
    Payout.Requested.TOPIC: Story("a merchant asks for a payout", _requested),
    Payout.Sent.TOPIC: Story("a payout is sent", _sent),
    Payout.Settled.TOPIC: Story("the bank has paid out; advances the test clock by 6 s", _settled),
    Payout.Returned.TOPIC: Story(
        "the bank sends a payout back; advances the test clock by 6 s", _returned
    ),
}
