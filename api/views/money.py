"""How responses and pages present amounts: CLDR's patterns with ISO 4217's decimals."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel import Locale
from babel.numbers import NumberPattern, parse_pattern
from msgspec import Struct

from domain.money.money import Amount, Money

LOCALE: Final = "en_US"


class MoneyView(Struct, frozen=True):
    """An amount in minor units and as formatted text."""

    minor: int
    currency: str
    exponent: int
    display: str


def money_view(amount: Money) -> MoneyView:
    """The amount, with its number of decimals and its formatted text."""
    return MoneyView(amount.minor, amount.currency, amount.exponent, display(amount))


def amount_view(amount: Amount) -> MoneyView:
    """An amount as an event states it, with the number of decimals of its time."""
    return MoneyView(*amount, _display(amount, LOCALE))


@lru_cache(maxsize=512)
def _pattern(locale: str, exponent: int) -> tuple[Locale, NumberPattern]:
    """CLDR's pattern with the decimals of ISO 4217.

    CLDR's own number of decimals differs for some currencies and would hide minor units.
    """
    parsed = Locale.parse(locale)
    pattern = parse_pattern(parsed.currency_formats["standard"].pattern)
    pattern.frac_prec = (exponent, exponent)
    return parsed, pattern


@lru_cache(maxsize=8192)
def display(amount: Money | Amount, locale: str = LOCALE) -> str:
    """The amount with its currency symbol, such as `$123.45`, `KWD1.005` or `¥1,200`."""
    return _display(Amount(amount.minor, amount.currency, amount.exponent), locale)


def _display(amount: Amount, locale: str) -> str:
    parsed, pattern = _pattern(locale, amount.exponent)
    value = Decimal(amount.minor).scaleb(-amount.exponent)
    text: str = pattern.apply(value, parsed, currency=amount.currency, currency_digits=False)
    return text.replace("\u00a0", " ")
