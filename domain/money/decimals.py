"""Amounts as decimal texts, built from integers: no float and no rounding."""

from __future__ import annotations

from domain.money.money import Amount


def decimal_text(amount: Amount) -> str:
    """The amount in units of its currency, such as `-12.05`, `1200` or `0.001`.

    It has exactly the currency's decimals, no separator of thousands and no sign but a minus.
    """
    sign = "-" if amount.minor < 0 else ""
    digits = str(abs(amount.minor))
    if not amount.exponent:
        return sign + digits
    digits = digits.rjust(amount.exponent + 1, "0")
    return f"{sign}{digits[: -amount.exponent]}.{digits[-amount.exponent :]}"


def minor_units(text: str, exponent: int) -> int:
    """The minor units of a decimal text; the reverse of `decimal_text`.

    Raises:
        ValueError: not a decimal with at most so many decimals.
    """
    whole, _, fraction = text.partition(".")
    if len(fraction) > exponent:
        msg = f"{text!r:.40} has more than {exponent} decimals"
        raise ValueError(msg)
    return int(whole + fraction.ljust(exponent, "0"))
