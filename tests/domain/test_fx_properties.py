"""Conversion between currencies of 0, 2, 3 and 4 decimals, against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.money.fx import RATE_DIGITS, SPREAD_BASIS_POINTS_MAX, convert, cross_rate
from domain.money.money import AMOUNT_MINOR_MAX, Money

EXPONENTS = {"JPY": 0, "IDR": 2, "USD": 2, "KWD": 3, "CLF": 4}
currencies = st.sampled_from(sorted(EXPONENTS))
amounts = st.integers(1, AMOUNT_MINOR_MAX)
rates = st.builds(
    lambda digits, places: f"{digits // 10**places}.{digits % 10**places:0{places}}",
    st.integers(1, 10**RATE_DIGITS - 1),
    st.integers(1, 9),
)
spreads = st.integers(0, SPREAD_BASIS_POINTS_MAX)


def ceiling(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


@settings(max_examples=500)
@given(minor=amounts, payee=currencies, payer=currencies, rate=rates, spread=spreads)
@example(minor=999_999_999_998, payee="USD", payer="IDR", rate="0.00007", spread=1000)
@example(minor=3_000_000_001, payee="KWD", payer="USD", rate="0.300000000", spread=1)
@example(minor=1, payee="JPY", payer="CLF", rate="9999.999999", spread=0)
def test_what_the_payer_pays_is_the_exact_amount_rounded_up(
    minor: int, payee: str, payer: str, rate: str, spread: int
) -> None:
    conversion = convert(
        Money(minor, payee), payer_currency=payer, rate=rate, spread_basis_points=spread
    )

    units = Fraction(10) ** (EXPONENTS[payer] - EXPONENTS[payee])
    converted = ceiling(minor * units / Fraction(rate))
    assert conversion.converted == Money(converted, payer)
    assert conversion.spread == Money(ceiling(Fraction(converted * spread, 10_000)), payer)
    assert conversion.pays.minor == conversion.converted.minor + conversion.spread.minor
    assert conversion.to == Money(minor, payee)


@settings(max_examples=300)
@given(minor=amounts, payee=currencies, payer=currencies, rate=rates)
def test_what_the_payer_pays_is_worth_at_least_what_the_merchant_gets(
    minor: int, payee: str, payer: str, rate: str
) -> None:
    conversion = convert(
        Money(minor, payee), payer_currency=payer, rate=rate, spread_basis_points=0
    )

    units = Fraction(10) ** (EXPONENTS[payee] - EXPONENTS[payer])
    assert conversion.pays.minor * Fraction(rate) * units >= minor
    assert (conversion.pays.minor - 1) * Fraction(rate) * units < minor


@settings(max_examples=300)
@given(payer=rates, payee=rates)
@example(payer="700000001.1", payee="0.000000001")
def test_a_cross_rate_has_ten_exact_digits_and_can_be_converted_with(
    payer: str, payee: str
) -> None:
    try:
        text = cross_rate(payer, payee)
    except ValueError:
        assert not Fraction(1, 10**12) < Fraction(payee) / Fraction(payer) < 10**12
        return

    exact = Fraction(payee) / Fraction(payer)
    assert abs(Fraction(text) - exact) <= exact * Fraction(1, 2 * 10 ** (RATE_DIGITS - 1))
    assert len(text.replace(".", "").strip("0")) <= RATE_DIGITS
    convert(Money(1, "USD"), payer_currency="JPY", rate=text, spread_basis_points=0)


@pytest.mark.parametrize(
    "rate",
    ["", "0", "0.0", "-1", "+1", " 1", "1 ", "1.", ".5", "1,5", "1_000", "1E+2", "1e-5", "NaN",
     "Infinity", "٣", "1\n", "0" * 25, "1\x00"],
)  # fmt: skip
def test_a_rate_is_digits_with_at_most_one_point(rate: str) -> None:
    with pytest.raises(ValueError, match="is not a rate"):
        convert(Money(100, "USD"), payer_currency="EUR", rate=rate, spread_basis_points=0)
    with pytest.raises(ValueError, match="is not a rate"):
        cross_rate("1", rate)
