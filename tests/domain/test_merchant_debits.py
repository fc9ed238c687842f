"""What a merchant may take out: credits less debits, serialised in one stream."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain import ids
from domain.payouts.debits import Credits, DebitKind, MerchantDebits
from domain.payouts.errors import PayableInsufficient
from tests.support.aggregates import STREAM, Fact, fact, given

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MERCHANT = ids.encode("mer", STREAM)
OPENED = fact(MerchantDebits.Opened, NOW, merchant_id=MERCHANT, currency="USD", exponent=2)


def taken(minor: int, credits_minor: int, position: int = 7, subject: str = "ref_1") -> Fact:
    return fact(
        MerchantDebits.Debited,
        NOW,
        kind="refund",
        subject_id=subject,
        amount_minor=minor,
        credits_minor=credits_minor,
        credits_position=position,
    )


def returned(minor: int) -> Fact:
    return fact(MerchantDebits.Restored, NOW, kind="refund", subject_id="ref_1", amount_minor=minor)


def take(minor: int, credits_minor: int, subject: str = "ref_1") -> Any:
    earned = Credits(credits_minor, 7)
    return lambda debits: debits.take(
        DebitKind.REFUND, subject, amount_minor=minor, credits=earned, at=NOW
    )


def insufficient(asked: int, available: int) -> PayableInsufficient:
    return PayableInsufficient(
        merchant_id=MERCHANT, asked_minor=asked, available_minor=available, currency="USD"
    )


def test_a_debit_records_the_credits_that_covered_it() -> None:
    given(OPENED).when(take(100, 100)).then(taken(100, 100))


def test_debits_together_never_exceed_the_credits() -> None:
    scenario = given(OPENED, taken(60, 100))

    scenario.when(take(41, 100)).then(insufficient(41, 40))
    scenario.when(take(40, 100)).then(taken(40, 100))


def test_a_returned_debit_can_be_taken_again() -> None:
    given(OPENED, taken(100, 100), returned(100)).when(take(100, 100)).then(taken(100, 100))


def test_an_involuntary_debit_may_have_made_the_available_amount_negative() -> None:
    given(OPENED, taken(150, 100)).when(take(1, 100)).then(insufficient(1, 0))


def test_a_debit_of_zero_is_covered_by_any_credits() -> None:
    given(OPENED, taken(150, 100)).when(take(0, 100)).then()


@pytest.mark.parametrize("credits_minor", [0, 100])
def test_a_debit_of_zero_records_nothing(credits_minor: int) -> None:
    given(OPENED).when(take(0, credits_minor)).then()


def test_a_return_counts_a_debit_no_longer() -> None:
    def give_back(minor: int) -> Any:
        return lambda debits: debits.restore(DebitKind.REFUND, "ref_1", amount_minor=minor, at=NOW)

    given(OPENED, taken(100, 100)).when(give_back(100)).then(returned(100))
    given(OPENED, taken(100, 100)).when(give_back(0)).then()
