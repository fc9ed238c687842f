"""Stripe's units of currencies: as its documentation has them (docs.stripe.com/currencies)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.ports.processor import AmountUnsupported
from domain.money.currencies import CURRENCIES
from domain.money.money import AMOUNT_MINOR_MAX, Money
from infrastructure.processors.stripe_currencies import (
    STRIPE_UNITS_MAX,
    THREE_DECIMALS,
    TWO_DECIMALS,
    ZERO_DECIMALS,
    from_stripe,
    to_stripe,
)
from tests.support.fake_stripe import FakeStripe, serving
from tests.support.processors import StripeRig, charge, refund_of

CURRENT = sorted(code for code, one in CURRENCIES.items() if not one.withdrawn)


@pytest.mark.parametrize(
    ("amount", "units"),
    [
        (Money(1099, "USD"), 1099),
        (Money(500, "JPY"), 500),
        (Money(500, "MGA"), 5),  # ISO 4217 has two decimals
        (Money(5, "ISK"), 500),  # "to charge 5 ISK, provide an amount value of 500"
        (Money(5, "UGX"), 500),
        (Money(1045, "HUF"), 1045),  # without decimals for payouts only
        (Money(80_045, "TWD"), 80_045),
        (Money(5120, "KWD"), 5120),
        (Money(AMOUNT_MINOR_MAX, "IDR"), AMOUNT_MINOR_MAX),
    ],
)
def test_an_amount_is_in_stripes_own_unit(amount: Money, units: int) -> None:
    assert to_stripe(amount) == (units, amount.currency.lower())
    assert from_stripe(units, amount.currency.lower()) == amount


@pytest.mark.parametrize("code", ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "PYG", "RWF",
                                  "VND", "VUV", "XAF", "XOF", "XPF"])  # fmt: skip
def test_a_zero_decimal_amount_is_not_multiplied(code: str) -> None:
    assert to_stripe(Money(501, code)) == (501, code.lower())


@pytest.mark.parametrize("code", ["BHD", "JOD", "KWD", "OMR", "TND"])
def test_the_last_of_three_decimals_is_zero(code: str) -> None:
    assert to_stripe(Money(5120, code)) == (5120, code.lower())
    for minor in (5121, 5124, 5129, 1):
        with pytest.raises(AmountUnsupported):
            to_stripe(Money(minor, code))


@pytest.mark.parametrize(
    "amount",
    [
        Money(1234, "KWD"),
        Money(501, "MGA"),
        Money(1, "IQD"),
        Money(1, "LYD"),
        Money(1, "CLF"),
        Money(1, "IRR"),
        Money(1, "XAD"),
        Money(STRIPE_UNITS_MAX // 100 + 1, "ISK"),
        Money(AMOUNT_MINOR_MAX, "UGX"),
    ],
)
def test_an_amount_that_stripe_cannot_express_is_refused_before_a_call(amount: Money) -> None:
    with serving(FakeStripe()) as fake:
        rig = StripeRig(fake)
        calls: list[Callable[[], Any]] = [
            lambda: rig.processor.begin(charge(amount=amount, source="pm_card_visa")),
            lambda: rig.processor.refund(replace(refund_of(charge(), 1), amount=amount)),
        ]
        for call in calls:
            with pytest.raises(AmountUnsupported):
                call()
        assert not fake.calls


@pytest.mark.parametrize(
    ("units", "code"), [(550, "isk"), (0, "usd"), (-1, "usd"), (5, "USD"), (5, "iqd"), (5.0, "usd"),
                        (True, "usd"), (5, "\u212arw"), (5, "")]
)  # fmt: skip
def test_what_is_no_amount_of_stripe_is_not_read(units: Any, code: str) -> None:
    with pytest.raises(ValueError, match=r"not a"):
        from_stripe(units, code)


@given(minor=st.integers(1, AMOUNT_MINOR_MAX), currency=st.sampled_from(CURRENT))
def test_what_is_sent_to_stripe_comes_back_as_the_same_amount(minor: int, currency: str) -> None:
    try:
        units, name = to_stripe(Money(minor, currency))
    except AmountUnsupported:
        return
    assert from_stripe(units, name) == Money(minor, currency)


def test_the_table_of_currencies_has_each_once_and_knows_them_all() -> None:
    tables = [ZERO_DECIMALS, THREE_DECIMALS, TWO_DECIMALS]

    assert sum(map(len, tables)) == len(frozenset().union(*tables))
    assert frozenset().union(*tables) <= CURRENCIES.keys()
    for code in ZERO_DECIMALS - {"MGA"} | THREE_DECIMALS:
        assert CURRENCIES[code].exponent == (0 if code in ZERO_DECIMALS else 3)
    odd = {code for code in TWO_DECIMALS if CURRENCIES[code].exponent != 2}
    assert odd == {"ISK", "UGX"}
