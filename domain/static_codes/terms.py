"""What may be paid by a static code: a fixed amount, or what the payer enters within limits."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import InvalidRequest
from domain.money.money import AMOUNT_MINOR_MAX, Money, check_range, currency_in_use
from domain.sessions.errors import AmountMismatch
from domain.static_codes.errors import AmountOutsideLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The currency and the amount of a code; without an amount the payer enters it."""

    currency: str
    amount_minor: int | None = None
    min_minor: int | None = None
    """The least that a payer may enter; None: one minor unit."""
    max_minor: int | None = None
    """The most that a payer may enter; None: twelve digits."""

    @classmethod
    def of(
        cls,
        currency: str,
        *,
        amount: Money | None = None,
        minimum: Money | None = None,
        maximum: Money | None = None,
    ) -> Terms:
        """The terms of a new code.

        Raises (checked in this order):
            InvalidRequest: the currency is not in use; an amount is in another currency or out of
                range; a fixed amount comes with limits; the minimum exceeds the maximum.
        """
        currency_in_use(currency)
        for name, money in (("amount", amount), ("min", minimum), ("max", maximum)):
            if money is not None:
                if money.currency != currency:
                    raise InvalidRequest.of(f"{name}.currency", f"must be {currency}, the code's")
                check_range(money.minor, name=name)
        if amount is not None and (minimum is not None or maximum is not None):
            raise InvalidRequest.of("amount", "is fixed, so the code has no min and no max")
        if minimum is not None and maximum is not None and minimum.minor > maximum.minor:
            raise InvalidRequest.of("min", "must not exceed max")
        return cls(
            currency=currency,
            amount_minor=amount.minor if amount else None,
            min_minor=minimum.minor if minimum else None,
            max_minor=maximum.minor if maximum else None,
        )

    @property
    def is_open(self) -> bool:
        """Whether the payer enters the amount."""
        return self.amount_minor is None

    def price(self, offered: Money | None, static_code_id: str) -> Money:
        """The amount of a payer's session.

        Args:
            offered: what the payer entered; may be left out for a fixed amount.
            static_code_id: the code's public id, for the refusals.

        Raises (checked in this order):
            AmountMismatch: the amount is fixed, and the payer's is another one.
            InvalidRequest: the payer has to enter an amount, and did not.
            AmountOutsideLimits: it is outside the limits, or in another currency.
        """
        if self.amount_minor is not None:
            fixed = Money(self.amount_minor, self.currency)
            if offered is not None and offered != fixed:
                raise AmountMismatch(
                    static_code_id=static_code_id,
                    asked_minor=fixed.minor,
                    asked_currency=fixed.currency,
                    offered_minor=offered.minor,
                    offered_currency=offered.currency,
                )
            return fixed
        if offered is None:
            raise InvalidRequest.of("amount", "is missing: the payer enters it")
        least, most = self.min_minor or 1, self.max_minor or AMOUNT_MINOR_MAX
        if offered.currency != self.currency or not least <= offered.minor <= most:
            raise AmountOutsideLimits(
                static_code_id=static_code_id,
                currency=self.currency,
                min_minor=least,
                max_minor=most,
                offered_minor=offered.minor,
                offered_currency=offered.currency,
            )
        return offered
