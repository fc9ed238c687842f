"""ReturnPayout: payout, debits and treasury in one append, exactly once, also after settlement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.command import Command
from domain.payouts.debits import MerchantDebits
from domain.payouts.payout import WITHHELD, Payout
from domain.treasury.treasury import Treasury
from tests.support.given import event, given, refused
from tests.support.payout_commands import (
    DEBITS_ID,
    EARNED,
    FIGURES,
    FUND,
    PAYOUT_ID,
    REQUEST,
    RESTORED,
    RETURN,
    SEND,
    SETTLE,
    TREASURY_ID,
    UNFUNDED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "after_settlement"),
    [((FUND,), False), ((FUND, SEND), False), ((FUND, SEND, SETTLE), True)],
)
def test_a_return_undoes_debit_and_funding(
    earlier: tuple[Command, ...], after_settlement: bool
) -> None:
    scenario = given(*EARNED, REQUEST, *earlier)

    scenario.when(RETURN).then(
        event(MerchantDebits.Restored, DEBITS_ID, **RESTORED),
        event(Treasury.PayoutReturned, TREASURY_ID, **UNFUNDED),
        event(
            Payout.Returned, PAYOUT_ID,
            after_settlement=after_settlement, reason="no such account", **FIGURES,
        ),
    )  # fmt: skip
    scenario.when(replace(RETURN, reason="again")).then()
    scenario.when(SETTLE).then()


def test_the_treasury_gets_nothing_back_of_a_payout_that_it_has_not_funded() -> None:
    given(*EARNED, REQUEST).when(RETURN).then(
        event(MerchantDebits.Restored, DEBITS_ID, **RESTORED),
        event(
            Payout.Returned, PAYOUT_ID,
            after_settlement=False, reason="no such account", **FIGURES,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "stored"),
    [
        ("closed: 1234 5678", WITHHELD),
        ("IBAN DE89370400440532013000 unknown", WITHHELD),
        ("a\0\u2028b", "a\ufffd\ufffdb"),
        ("x" * 500, "x" * 200),
        ("", ""),
    ],
)
def test_the_banks_reason_is_stored_cleaned_and_never_with_an_account_number(
    reason: str, stored: str
) -> None:
    scenario = given(*EARNED, REQUEST, FUND).when(replace(RETURN, reason=reason))

    assert scenario.subject.reason == stored


def test_an_unknown_payout_is_not_found() -> None:
    given(*EARNED).when(RETURN).then(refused("not-found", thing="payout"))
