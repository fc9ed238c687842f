"""SetPayoutTerms: recorded when they change something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.merchants.merchant import Merchant
from domain.merchants.payout_terms import PayoutTerms
from tests.support.given import HOLDERS, MERCHANT_ID, NOBODY, event, given, refused
from tests.support.payout_commands import TERMS

DAILY = replace(TERMS, terms=PayoutTerms("bank account 1", "06:00", "America/Sao_Paulo"))


def test_terms_are_recorded_and_the_same_terms_again_are_not() -> None:
    scenario = given(*HOLDERS, TERMS).when(DAILY)

    scenario.then(
        event(
            Merchant.PayoutsChanged, MERCHANT_ID,
            currency="USD", destination="bank account 1", daily_at="06:00",
            zone="America/Sao_Paulo",
        )
    )  # fmt: skip
    scenario.when(DAILY).then()


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (PayoutTerms("DE89 3704 0044 0532 0130 00"), "destination"),
        (PayoutTerms("a", "25:00"), "daily_at"),
        (PayoutTerms("a", "06:00", "Mars/Olympus"), "zone"),
    ],
)
def test_bad_terms_are_refused_by_the_name_of_their_field(terms: PayoutTerms, field: str) -> None:
    given(*HOLDERS).when(replace(TERMS, terms=terms)).then_invalid(field)


def test_a_withdrawn_currency_is_refused() -> None:
    given(*HOLDERS).when(replace(TERMS, currency="HRK")).then_invalid("currency")


def test_an_unknown_merchant_is_not_found() -> None:
    given(*HOLDERS).when(replace(TERMS, merchant_id=NOBODY)).then(
        refused("not-found", thing="merchant")
    )
