"""Stripe's own units of currencies, which are not always the minor units of ISO 4217.

Source: docs.stripe.com/currencies, read on 2026-11-22. "Specify amounts in API requests": two
decimals unless otherwise specified. "Zero-decimal currencies": MGA among them, which has two in ISO
4217. Three-decimal ones must end in zero. "Special cases": ISK and UGX have two decimals, both
zero ("to charge 5 ISK, provide an amount value of 500"); HUF and TWD are without decimals for
payouts only. "Maximum charge amounts": twelve digits by card; what another way to pay does not
take Stripe declines. A currency that is not in the table, or an amount that cannot be expressed
exactly, is refused before anything is sent.
"""

from __future__ import annotations

from typing import Final

from application.ports.processor import AmountUnsupported
from domain.money.currencies import CURRENCIES
from domain.money.money import AMOUNT_MINOR_MAX, Money

STRIPE_UNITS_MAX: Final = 999_999_999_999
"""Twelve digits, in Stripe's unit."""
_ZERO: Final = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_TWO: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY
    COP CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
    INR ISK JMD KES KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR
    MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE
    SOS SRD STN SZL THB TJS TOP TRY TTD TWD TZS UAH UGX USD UYU UZS WST XCD XCG YER ZAR ZMW
"""
ZERO_DECIMALS: Final = frozenset(_ZERO.split())
TWO_DECIMALS: Final = frozenset(_TWO.split())
THREE_DECIMALS: Final = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""The last digit must be zero."""
WHOLE_ONLY: Final = frozenset({"ISK", "UGX"})
"""Two decimals in the API, both zero."""


def to_stripe(amount: Money) -> tuple[int, str]:
    """An amount in Stripe's unit, and Stripe's name of the currency.

    Raises:
        AmountUnsupported: Stripe does not take the currency, or cannot express the amount.
    """
    decimals = _decimals(amount.currency)
    if decimals is None:
        msg = f"Stripe does not take {amount.currency}"
        raise AmountUnsupported(msg)
    more = decimals - CURRENCIES[amount.currency].exponent
    units, rest = amount.minor, 0
    if more >= 0:
        units *= 10**more
    else:
        units, rest = divmod(amount.minor, 10**-more)
    step = _step(amount.currency)
    if rest or units % step:
        msg = f"Stripe cannot express this amount of {amount.currency} exactly"
        raise AmountUnsupported(msg)
    if units > STRIPE_UNITS_MAX:
        msg = f"Stripe takes at most {STRIPE_UNITS_MAX} of its units of {amount.currency}"
        raise AmountUnsupported(msg)
    return units, amount.currency.lower()


def from_stripe(units: int, currency: str) -> Money:
    """What Stripe says in its unit, in minor units of ISO 4217.

    Raises:
        ValueError: not a positive whole number, an unknown currency, or no whole minor unit.
    """
    code = currency.upper()
    decimals = _decimals(code) if currency.isascii() and currency.islower() else None
    if type(units) is not int or decimals is None:
        msg = "not an amount of Stripe"
        raise ValueError(msg)
    more = CURRENCIES[code].exponent - decimals
    minor, rest = (units * 10**more, 0) if more >= 0 else divmod(units, 10**-more)
    if rest or not 1 <= minor <= AMOUNT_MINOR_MAX:
        msg = "not a whole positive amount"
        raise ValueError(msg)
    return Money(minor, code)


def _decimals(code: str) -> int | None:
    """Decimals of Stripe's unit; None if Stripe does not take the currency."""
    if code in ZERO_DECIMALS:
        return 0
    if code in THREE_DECIMALS:
        return 3
    return 2 if code in TWO_DECIMALS else None


def _step(code: str) -> int:
    if code in WHOLE_ONLY:
        return 100
    return 10 if code in THREE_DECIMALS else 1
