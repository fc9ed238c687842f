"""Money: integers in the currency's minor unit. No floats, no rounding, no implicit currency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from domain.errors import InvalidRequest
from domain.money.currencies import CURRENCIES, Currency

AMOUNT_MINOR_MAX = 999_999_999_999
"""Twelve digits: the largest amount of one payment or top-up, in minor units."""


class Amount(NamedTuple):
    """An amount as an event states it: history keeps the exponent of its time."""

    minor: int
    currency: str
    exponent: int


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of one currency; may be zero, as balances can be."""

    minor: int
    currency: str

    @property
    def exponent(self) -> int:
        """Decimals of the minor unit (ISO 4217)."""
        return CURRENCIES[self.currency].exponent


def currency_in_use(code: str, *, name: str = "currency") -> Currency:
    """The currency, if new sessions and wallets may use it.

    Args:
        code: three letters.
        name: the field's name in the request, for the refusal.

    Raises:
        InvalidRequest: not in ISO 4217, without minor units, or withdrawn.
    """
    currency = known_currency(code, name=name)
    if currency.withdrawn:
        raise InvalidRequest.of(name, f"{code} has been withdrawn")
    return currency


def known_currency(code: str, *, name: str = "currency") -> Currency:
    """The currency, also if it has been withdrawn.

    Raises:
        InvalidRequest: not in ISO 4217, or without minor units.
    """
    currency = CURRENCIES.get(code)
    if currency is None:
        raise InvalidRequest.of(name, f"{code!r} is not an ISO 4217 currency with minor units")
    return currency


def check_amount(minor: int, code: str, *, name: str = "amount") -> Money:
    """An amount that can be requested or paid.

    Raises (checked in this order):
        InvalidRequest: the currency is not in use; zero, negative, or more than twelve digits.
    """
    currency = currency_in_use(code, name=f"{name}.currency")
    check_range(minor, name=name)
    return Money(minor, currency.code)


def check_range(minor: int, *, name: str = "amount", minor_max: int = AMOUNT_MINOR_MAX) -> None:
    """Check that an amount is within the limits of one payment or top-up, in any currency.

    Raises:
        InvalidRequest: zero, negative, or more than `minor_max`: by default twelve digits.
    """
    if not 1 <= minor <= minor_max:
        raise InvalidRequest.of(f"{name}.minor", f"must be from 1 to {minor_max}")
