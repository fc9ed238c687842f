"""A merchant's daily payout is due."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import debits_of
from domain.merchants.merchant import Merchant
from domain.money.money import AMOUNT_MINOR_MAX, Money, currency_in_use
from domain.payouts.debits import Credits, DebitKind, MerchantDebits
from domain.payouts.payout import Payout


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDailyPayout(Command):
    """Take everything available out of the merchant's payable; a process sends it."""

    payout_id: UUID
    merchant_id: UUID
    currency: str
    credits: Credits
    """What the merchant has earned in the currency, at the least; the rest is paid out later."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant and its debits."""
        return (self.merchant_id, *self.writes)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The merchant's debits; the merchant is only read, and the payout is new."""
        return (MerchantDebits.stream_id(self.merchant_id, self.currency),)

    def decide(self, loaded: Loaded) -> Decision:
        """Request a payout of what is available now; nothing if that is nothing.

        Raises (checked in this order):
            NotFound: there is no such merchant.
            InvalidRequest: the currency is not in use.
        """
        merchant = loaded.get(Merchant, self.merchant_id, "merchant")
        currency_in_use(self.currency)
        terms = merchant.payout_terms.get(self.currency)
        debits = debits_of(loaded, self.merchant_id, self.currency)
        amount_minor = min(debits.available_minor(self.credits), AMOUNT_MINOR_MAX)
        if terms is None or terms.daily_at is None or amount_minor <= 0:
            return Decision(merchant)
        payout = Payout.request(
            payout_id=self.payout_id,
            merchant_id=merchant.public_id,
            amount=Money(amount_minor, self.currency),
            destination=terms.destination,
            at=loaded.now,
        )
        debits.take(
            DebitKind.PAYOUT,
            payout.public_id,
            amount_minor=amount_minor,
            credits=self.credits,
            at=loaded.now,
        )
        return Decision(payout, [debits, payout])
