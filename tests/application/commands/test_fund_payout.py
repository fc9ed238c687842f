"""FundPayout: the treasury sets money aside once, and never more than the bank holds."""

from __future__ import annotations

from dataclasses import replace

from domain.payouts.debits import Credits
from domain.payouts.payout import Payout
from domain.treasury.treasury import Treasury
from tests.support.given import NOBODY, event, given, refused
from tests.support.payout_commands import (
    DESTINATION,
    EARNED,
    FUND,
    PAYOUT,
    PAYOUT_ID,
    REQUEST,
    RETURN,
    SEND,
    SETTLE,
    TREASURY_ID,
)  # fmt: skip


def test_funding_sets_the_money_aside_and_states_the_top_ups_that_covered_it() -> None:
    given(*EARNED, REQUEST).when(FUND).then(
        event(Treasury.Opened, TREASURY_ID, currency="USD", exponent=2),
        event(
            Treasury.PayoutFunded, TREASURY_ID,
            payout_id=PAYOUT, amount_minor=400, credits_minor=5000, credits_position=9,
        ),
        event(
            Payout.Funded, PAYOUT_ID,
            amount_minor=400, currency="USD", exponent=2, destination=DESTINATION,
        ),
    )  # fmt: skip


def test_a_payout_is_funded_once() -> None:
    for later in ((), (SEND,), (SEND, SETTLE), (RETURN,), (SEND, SETTLE, RETURN)):
        given(*EARNED, REQUEST, FUND, *later).when(FUND).then()


def test_a_payout_that_was_returned_before_is_not_funded() -> None:
    given(*EARNED, REQUEST, RETURN).when(FUND).then()


def test_without_the_money_the_payout_stays_requested_for_now() -> None:
    scenario = given(*EARNED, REQUEST).when(replace(FUND, credits=Credits(399, 9)))

    scenario.then(refused("payout-not-funded", payout_id=PAYOUT, amount_minor=400, currency="USD"))
    assert scenario.result.transient  # type: ignore[union-attr]


def test_payouts_together_never_exceed_the_money_at_the_bank() -> None:
    other = replace(REQUEST, payout_id=NOBODY)
    scenario = given(*EARNED, REQUEST, other, replace(FUND, credits=Credits(799, 9)))

    scenario.when(replace(FUND, payout_id=NOBODY, credits=Credits(799, 9)))
    assert scenario.result.code == "payout-not-funded"  # type: ignore[union-attr]


def test_an_unknown_payout_is_not_found() -> None:
    given(*EARNED).when(FUND).then(refused("not-found", thing="payout"))
