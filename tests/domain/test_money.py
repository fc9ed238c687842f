"""Shares, fees and conversions: exact to the minor unit, in every kind of currency."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.money.fx import convert, cross_rate
from domain.money.money import AMOUNT_MINOR_MAX, Money
from domain.money.shares import returned

AMOUNTS = st.integers(1, AMOUNT_MINOR_MAX)
CURRENCIES = st.sampled_from(["JPY", "USD", "KWD", "CLF"])
"""Of 0, 2, 3 and 4 decimals."""


@given(total=st.integers(0, AMOUNT_MINOR_MAX), of=AMOUNTS, data=st.data())
def test_returns_add_up_to_the_total_and_never_exceed_the_exact_share(
    total: int, of: int, data: st.DataObject
) -> None:
    ends = sorted(data.draw(st.lists(st.integers(0, of), max_size=5)))
    taken = 0

    for so_far in ends:
        taken += returned(total, so_far=so_far, of=of, taken_minor=taken)
        assert taken <= Fraction(total * so_far, of)

    assert taken + returned(total, so_far=of, of=of, taken_minor=taken) == total


@given(
    total=st.integers(0, 50),
    of=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(1, 50), st.booleans())),
)
def test_returns_never_exceed_the_total_also_when_some_fail(
    total: int, of: int, steps: list[tuple[int, bool]]
) -> None:
    kept: list[tuple[int, int]] = []
    pending: list[tuple[int, int]] = []

    for asked, fails in steps:
        so_far, taken = (sum(column) for column in zip((0, 0), *kept, *pending, strict=True))
        now = min(asked, of - so_far)
        part = returned(total, so_far=so_far + now, of=of, taken_minor=taken)
        (pending if fails else kept).append((now, part))
        assert part >= 0
        assert taken + part <= total
        if len(pending) > 1:
            pending.clear()  # they fail
    so_far, taken = (sum(column) for column in zip((0, 0), *kept, strict=True))

    assert taken + returned(total, so_far=of, of=of, taken_minor=taken) == total


@pytest.mark.parametrize(
    ("plan", "minor", "fee"),
    [
        (FeePlan(), 10_000, 0),
        (FeePlan(basis_points=75, fixed_minor=30), 10_000, 105),
        (FeePlan(basis_points=50), 100, 1),  # half a unit is rounded up
        (FeePlan(basis_points=49), 100, 0),
        (FeePlan(basis_points=10_000, fixed_minor=1), 5, 5),  # never more than the amount
        (FeePlan(fixed_minor=30), 7, 7),
    ],
)
def test_the_fee_is_the_rounded_share_and_the_fixed_part_at_most_the_amount(
    plan: FeePlan, minor: int, fee: int
) -> None:
    assert plan.fee(Money(minor, "USD")).minor == fee


def test_a_fee_carries_the_plans_policy_for_refunds() -> None:
    plan = FeePlan(refund_policy=FeeRefundPolicy.KEPT)

    assert plan.fee(Money(1, "USD")).refund_policy is FeeRefundPolicy.KEPT


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (FeePlan(basis_points=-1), "basis_points"),
        (FeePlan(basis_points=10_001), "basis_points"),
        (FeePlan(fixed_minor=-1), "fixed.minor"),
        (FeePlan(fixed_minor=10**12), "fixed.minor"),
    ],
)
def test_a_plan_out_of_range_is_refused(plan: FeePlan, field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        plan.check()

    assert field in str(refusal.value.facts)


@pytest.mark.parametrize(
    ("to", "payer_currency", "rate", "converted", "spread"),
    [
        (Money(12_345, "USD"), "EUR", "1.0842", 11_387, 114),  # 113.8627…, rounded up
        (Money(10_842, "USD"), "EUR", "1.0842", 10_000, 100),  # exact
        (Money(1, "USD"), "KWD", "3.25", 4, 1),
        (Money(1_000, "JPY"), "USD", "151.3", 661, 7),
        (Money(1, "KWD"), "JPY", "0.002", 1, 1),
        (Money(1, "CLF"), "USD", "0.025", 1, 1),
    ],
)
def test_both_roundings_of_a_conversion_favour_the_house(
    to: Money, payer_currency: str, rate: str, converted: int, spread: int
) -> None:
    conversion = convert(to, payer_currency=payer_currency, rate=rate, spread_basis_points=100)

    assert conversion.converted == Money(converted, payer_currency)
    assert conversion.spread == Money(spread, payer_currency)
    assert conversion.pays == Money(converted + spread, payer_currency)
    assert (conversion.to, conversion.rate) == (to, rate)


@given(
    minor=AMOUNTS,
    currency=CURRENCIES,
    payer_currency=CURRENCIES,
    rate=st.decimals("0.00001", "100000", places=5, allow_nan=False),
    basis_points=st.integers(0, 1000),
)
def test_a_conversion_is_the_exact_quotient_rounded_up(
    minor: int, currency: str, payer_currency: str, rate: object, basis_points: int
) -> None:
    to = Money(minor, currency)

    conversion = convert(
        to, payer_currency=payer_currency, rate=str(rate), spread_basis_points=basis_points
    )

    scale = Fraction(10) ** (Money(0, payer_currency).exponent - to.exponent)
    exact = minor * scale / Fraction(str(rate))
    assert conversion.converted.minor == ceil(exact)
    assert conversion.spread.minor == ceil(Fraction(ceil(exact) * basis_points, 10_000))


@pytest.mark.parametrize(
    "rate", ["", "0", "-1", "NaN", "Infinity", "1,5", "1.5 EUR", "\u0661", "1" * 25]
)
def test_what_is_not_a_rate_is_refused(rate: str) -> None:
    with pytest.raises(ValueError, match="is not a rate"):
        convert(Money(1, "USD"), payer_currency="EUR", rate=rate, spread_basis_points=0)


def test_a_spread_out_of_range_is_refused() -> None:
    for spread in (-1, 1001):
        with pytest.raises(ValueError, match="basis points"):
            convert(Money(1, "USD"), payer_currency="EUR", rate="1", spread_basis_points=spread)


@pytest.mark.parametrize(
    ("payer", "payee", "rate"),
    [
        ("1", "1.0842", "1.0842"),
        ("1.0842", "1", "0.9223390518"),
        ("161.35", "0.84", "0.005206073753"),
    ],
)
def test_a_cross_rate_has_ten_significant_digits(payer: str, payee: str, rate: str) -> None:
    assert cross_rate(payer, payee) == rate
