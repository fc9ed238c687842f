"""RequestDailyPayout: everything available when it is decided, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.command import Command
from application.commands.request_daily_payout import RequestDailyPayout
from application.commands.set_payout_terms import SetPayoutTerms
from domain import ids
from domain.merchants.payout_terms import PayoutTerms
from domain.payouts.debits import Credits, MerchantDebits
from domain.payouts.payout import Payout
from tests.support.given import HOLDERS, MERCHANT, MERCHANT_ID, NOBODY, event, given, refused
from tests.support.payout_commands import DEBITS_ID, DESTINATION, EARNED, EARNINGS, REQUEST, TERMS

DAILY_ID = NOBODY
TERMS_DAILY = SetPayoutTerms(
    merchant_id=MERCHANT_ID, currency="USD", terms=PayoutTerms(DESTINATION, "06:00", "UTC")
)
DAILY = RequestDailyPayout(
    payout_id=DAILY_ID, merchant_id=MERCHANT_ID, currency="USD", credits=EARNINGS
)


def test_everything_that_is_not_taken_out_yet_is_requested() -> None:
    given(*EARNED, TERMS_DAILY, REQUEST).when(DAILY).then(
        event(
            MerchantDebits.Debited, DEBITS_ID,
            kind="payout", subject_id=ids.encode("pay", DAILY_ID), amount_minor=600,
            credits_minor=1000, credits_position=9,
        ),
        event(
            Payout.Requested, DAILY_ID,
            merchant_id=MERCHANT, amount_minor=600, currency="USD", exponent=2,
            destination=DESTINATION,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "command"),
    [
        ((*EARNED, TERMS_DAILY), replace(DAILY, credits=Credits(0, 9))),
        ((*EARNED, TERMS_DAILY, REQUEST), replace(DAILY, credits=Credits(400, 9))),
        ((*EARNED, TERMS_DAILY, REQUEST), replace(DAILY, credits=Credits(1, 9))),
        ((*EARNED, TERMS_DAILY, TERMS), DAILY),
        (HOLDERS, DAILY),
    ],
    ids=["nothing earned", "all taken out", "credits lag", "no daily payout any more", "no terms"],
)
def test_with_nothing_available_or_no_daily_terms_nothing_is_recorded(
    steps: tuple[Command, ...], command: RequestDailyPayout
) -> None:
    given(*steps).when(command).then()


def test_an_unknown_merchant_is_not_found() -> None:
    given(*EARNED).when(replace(DAILY, merchant_id=DAILY_ID)).then(
        refused("not-found", thing="merchant")
    )
