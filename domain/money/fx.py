"""Conversion between currencies. The only place with decimals; rounding favours the house.

A rate is recorded as a decimal text and every amount is computed from that text, so that anybody
can compute it again from the event.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from domain.money.money import Money

RATE_DIGITS: Final = 10
"""Significant digits of a rate, a cross rate included."""
RATE_CHARS_MAX: Final = 24
BASIS_POINTS: Final = 10_000
SPREAD_BASIS_POINTS_MAX: Final = 1_000
ROUNDING: Final = "ceiling"
"""The rule by which the converted amount and the spread are rounded, as quotes state it."""

_DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_RATE = Context(prec=RATE_DIGITS, rounding=ROUND_HALF_EVEN)
_EXACT = Context(prec=60, rounding=ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a payer pays in its own currency for an amount in another."""

    rate: str
    """Units of `to` per unit of `pays`, before the spread."""
    converted: Money
    """The amount at that rate, rounded up to the payer's minor unit."""
    spread_basis_points: int
    """The house's part of the converted amount, in hundredths of a percent."""
    spread: Money
    """That part, rounded up, in the payer's currency."""
    to: Money
    """What the merchant is paid."""

    @property
    def pays(self) -> Money:
        """Everything the payer pays: the converted amount and the spread."""
        return Money(self.converted.minor + self.spread.minor, self.converted.currency)


def cross_rate(from_per_base: str, to_per_base: str) -> str:
    """Units of one currency per unit of another, from the rates of both against a base currency.

    Rounded to 10 significant digits, half to even: a quotient has no exact decimal text.

    Args:
        from_per_base: units of the payer's currency per unit of the base, such as `1.0842`.
        to_per_base: units of the payee's currency per unit of the base.

    Raises:
        ValueError: a rate is not a decimal above zero, or their quotient takes more than 24
            characters.
    """
    quotient = _RATE.divide(_rate(to_per_base), _rate(from_per_base))
    text = format(quotient.normalize(_RATE), "f")
    _rate(text)
    return text


def convert(to: Money, *, payer_currency: str, rate: str, spread_basis_points: int) -> Conversion:
    """What a payer pays for an amount in another currency.

    Both roundings are up (`ROUND_CEILING`), so the house never pays a part of the price.

    Args:
        to: what the merchant is paid.
        payer_currency: the currency of the payer's wallet.
        rate: units of the merchant's currency per unit of the payer's, as a decimal text.
        spread_basis_points: the house's part of the converted amount, 0 to 1,000.

    Raises (checked in this order):
        ValueError: the rate is not a decimal above zero, or the spread is out of range.
    """
    exact_rate = _rate(rate)
    if not 0 <= spread_basis_points <= SPREAD_BASIS_POINTS_MAX:
        msg = f"a spread of {spread_basis_points} basis points"
        raise ValueError(msg)
    scale = Money(0, payer_currency).exponent - to.exponent
    quotient = _EXACT.divide(_EXACT.scaleb(Decimal(to.minor), scale), exact_rate)
    converted_minor = int(quotient.to_integral_value(ROUND_CEILING))
    return Conversion(
        rate=rate,
        converted=Money(converted_minor, payer_currency),
        spread_basis_points=spread_basis_points,
        spread=Money(spread_minor(converted_minor, spread_basis_points), payer_currency),
        to=to,
    )


def spread_minor(converted_minor: int, basis_points: int) -> int:
    """The house's part of a converted amount, in the payer's currency, rounded up.

    Args:
        converted_minor: the amount before the spread, in minor units.
        basis_points: of the spread, 0 to 1,000.
    """
    return -(-converted_minor * basis_points // BASIS_POINTS)


def _rate(text: str) -> Decimal:
    """The value of a rate.

    Raises:
        ValueError: too long, or not a decimal above zero.
    """
    if len(text) <= RATE_CHARS_MAX and _DECIMAL.fullmatch(text):
        rate = Decimal(text)
        if rate:
            return rate
    msg = f"{text!r:.40} is not a rate"
    raise ValueError(msg)
