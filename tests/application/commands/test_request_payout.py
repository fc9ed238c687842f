"""RequestPayout: the merchant's debits and the payout in one append, never more than was earned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.command import Outcome
from domain.money.money import Money
from domain.payouts.debits import Credits, MerchantDebits
from domain.payouts.payout import Payout
from tests.support.given import HOLDERS, MERCHANT, MERCHANT_ID, NOBODY, event, given, refused
from tests.support.payout_commands import (
    DEBITS_ID,
    DESTINATION,
    EARNED,
    FIGURES,
    FUND,
    PAYOUT,
    PAYOUT_ID,
    REQUEST,
    RETURN,
)  # fmt: skip

OTHER = replace(REQUEST, payout_id=NOBODY)


def test_a_payout_debits_the_merchant_and_states_the_credits_that_covered_it() -> None:
    given(*EARNED).when(REQUEST).then(
        event(MerchantDebits.Opened, DEBITS_ID, merchant_id=MERCHANT, currency="USD", exponent=2),
        event(
            MerchantDebits.Debited, DEBITS_ID,
            kind="payout", subject_id=PAYOUT, amount_minor=400, credits_minor=1000,
            credits_position=9,
        ),
        event(Payout.Requested, PAYOUT_ID, destination=DESTINATION, **FIGURES),
    )  # fmt: skip


def test_payouts_together_never_exceed_what_was_earned() -> None:
    scenario = given(*EARNED, REQUEST)

    scenario.when(replace(OTHER, amount=Money(601, "USD"))).then(
        refused(
            "payable-insufficient", merchant_id=MERCHANT, asked_minor=601, available_minor=600,
            currency="USD",
        )
    )  # fmt: skip
    scenario.when(replace(OTHER, amount=Money(600, "USD")))
    assert isinstance(scenario.result, Outcome)


def test_credits_that_lag_never_refuse_for_good() -> None:
    lagging = replace(REQUEST, credits=Credits(399, 5), credits_are_current=False)

    given(*EARNED).when(lagging).then(refused("credits-not-counted", position=5))


def test_what_was_returned_can_be_paid_out_again_but_only_once() -> None:
    scenario = given(*EARNED, REQUEST, FUND, RETURN, RETURN)

    scenario.when(replace(OTHER, amount=Money(1001, "USD")))
    assert scenario.result.code == "payable-insufficient"  # type: ignore[union-attr]
    assert scenario.result.facts["available_minor"] == 1000  # type: ignore[union-attr]
    scenario.when(replace(OTHER, amount=Money(1000, "USD")))
    assert isinstance(scenario.result, Outcome)


def test_without_a_destination_there_is_no_payout() -> None:
    given(*HOLDERS).when(REQUEST).then(refused("no-payout-destination", currency="USD"))


def test_an_unknown_merchant_is_not_found() -> None:
    given(*EARNED).when(replace(REQUEST, merchant_id=NOBODY)).then(
        refused("not-found", thing="merchant")
    )


@pytest.mark.parametrize("minor", [0, -1, 10**12])
def test_an_amount_out_of_range_is_invalid(minor: int) -> None:
    command = replace(REQUEST, merchant_id=MERCHANT_ID, amount=Money(minor, "USD"))

    given(*EARNED).when(command).then_invalid("amount.minor")
