"""Settlements: the bank and the processor's fee against what the processor owes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.commands.receive_settlement import ReceiveSettlement
from domain.accounting.rules import postings
from domain.processors.settlement import Settlement
from tests.support.given import event, given, refused

SETTLE = ReceiveSettlement(
    processor="stripe",
    reference="po_1",
    currency="USD",
    gross_minor=1000,
    fee_minor=30,
    received_minor=960,
)
STREAM = Settlement.stream_id("stripe", "po_1")


def test_a_settlement_is_recorded_once_with_its_difference() -> None:
    scenario = given().when(SETTLE)

    scenario.then(
        event(
            Settlement.Received,
            STREAM,
            processor="stripe",
            reference="po_1",
            currency="USD",
            exponent=2,
            gross_minor=1000,
            fee_minor=30,
            received_minor=960,
            difference_minor=10,
        )
    )
    scenario.when(SETTLE).then()
    assert [
        f"{one.side} {one.account} {one.minor}" for one in postings(scenario.log.events[0].event)
    ] == [
        "debit bank:safeguarded 960",
        "debit processor:stripe:fees 30",
        "credit processor:stripe:receivable 990",
    ]


def test_a_settlement_with_other_figures_is_refused() -> None:
    scenario = given(SETTLE).when(replace(SETTLE, received_minor=970))

    scenario.then(refused("settlement-mismatch", processor="stripe", reference="po_1"))


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("processor", "Stripe", "processor"),
        ("reference", "", "reference"),
        ("reference", "x\u2028", "reference"),
        ("currency", "ZZZ", "currency"),
        ("gross_minor", -1, "gross"),
        ("fee_minor", 10**12, "fee"),
        ("received_minor", -1, "received"),
    ],
)
def test_bad_figures_are_refused(field: str, value: object, name: str) -> None:
    given().when(replace(SETTLE, **{field: value})).then_invalid(name)  # type: ignore[arg-type]


def test_a_settlement_of_nothing_is_refused() -> None:
    given().when(replace(SETTLE, fee_minor=0, received_minor=0)).then_invalid("received")
