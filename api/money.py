"""Amounts as people read them: Babel's patterns, ISO 4217's decimals."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import NumberPattern, parse_pattern

from domain.money.money import Money

LOCALE = "en_US"


@lru_cache(maxsize=512)
def _pattern(locale: str, exponent: int) -> tuple[Locale, NumberPattern]:
    """CLDR's pattern with ISO's decimals: CLDR's own would round dinars and drop centimes."""
    parsed = Locale.parse(locale)
    pattern = parse_pattern(parsed.currency_formats["standard"].pattern)
    pattern.frac_prec = (exponent, exponent)
    return parsed, pattern


@lru_cache(maxsize=8192)
def display(amount: Money, locale: str = LOCALE) -> str:
    """The amount with its currency sign, such as `$123.45`, `KWD1.005` or `¥1,200`."""
    parsed, pattern = _pattern(locale, amount.exponent)
    value = Decimal(amount.minor).scaleb(-amount.exponent)
    text: str = pattern.apply(value, parsed, currency=amount.currency, currency_digits=False)
    return text.replace("\u00a0", " ")
