"""MoveTreasury: own funds, exchanges and fees; never more out than the bank holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.command import Outcome
from application.commands.move_treasury import MoveTreasury
from domain.money.money import Money
from domain.payouts.debits import Credits
from domain.treasury.treasury import MoveKind, Treasury
from tests.support.given import event, given, refused
from tests.support.payout_commands import EARNED, FUND, REQUEST, RETURN, TOP_UPS, TREASURY_ID

IN = MoveTreasury(
    kind=MoveKind.OWN_FUNDS,
    amount=Money(100, "USD"),
    incoming=True,
    reference="T-1",
    credits=Credits(0, 0),
    credits_are_current=False,
)
OUT = replace(IN, incoming=False)
MOVED = {"amount_minor": 100, "currency": "USD", "exponent": 2, "reference": "T-1"}


@pytest.mark.parametrize("kind", [MoveKind.OWN_FUNDS, MoveKind.FX_SETTLEMENT])
def test_money_moved_in_can_be_moved_out_again(kind: MoveKind) -> None:
    scenario = given().when(replace(IN, kind=kind))

    scenario.then(
        event(Treasury.Opened, TREASURY_ID, currency="USD", exponent=2),
        event(Treasury.Moved, TREASURY_ID, kind=kind.value, incoming=True, **MOVED),
    )
    scenario.when(replace(OUT, kind=kind)).then(
        event(Treasury.Moved, TREASURY_ID, kind=kind.value, incoming=False, **MOVED)
    )


def test_more_than_there_is_is_refused_only_with_credits_that_are_current() -> None:
    out = replace(OUT, amount=Money(101, "USD"))

    given(IN).when(out).then(refused("credits-not-counted", position=0))
    given(IN).when(replace(out, credits_are_current=True)).then(
        refused("treasury-insufficient", funds_minor=100, asked_minor=101, currency="USD")
    )


def test_money_set_aside_for_a_payout_cannot_be_moved_out_until_it_is_returned() -> None:
    out = replace(OUT, amount=Money(4601, "USD"), credits=TOP_UPS, credits_are_current=True)
    scenario = given(*EARNED, REQUEST, FUND).when(out)

    assert scenario.result.code == "treasury-insufficient"  # type: ignore[union-attr]
    scenario.run(RETURN)
    scenario.when(out)
    assert isinstance(scenario.result, Outcome)


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (replace(IN, amount=Money(0, "USD")), "amount.minor"),
        (replace(IN, amount=Money(10**12, "USD")), "amount.minor"),
        (replace(IN, amount=Money(1, "HRK")), "amount.currency"),
        (replace(IN, amount=Money(1, "XXX")), "amount.currency"),
        (replace(IN, reference="x" * 81), "reference"),
        (replace(IN, reference="a\0"), "reference"),
        (replace(IN, kind=MoveKind.FEES), "kind"),
    ],
)
def test_a_bad_movement_is_refused_by_the_name_of_its_field(
    command: MoveTreasury, field: str
) -> None:
    given().when(command).then_invalid(field)
