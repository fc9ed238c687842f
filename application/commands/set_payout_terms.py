"""The operator sets where a merchant's payouts go, and when."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.merchants.merchant import Merchant
from domain.merchants.payout_terms import PayoutTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPayoutTerms(Command):
    """Set the terms of a merchant's payouts in one currency."""

    merchant_id: UUID
    currency: str
    terms: PayoutTerms

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant."""
        return (self.merchant_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Set the terms; nothing if they are these already. Earlier payouts keep theirs.

        Raises (checked in this order):
            NotFound: there is no such merchant.
            InvalidRequest: the currency is not in use, or a part of the terms is out of range.
        """
        merchant = loaded.get(Merchant, self.merchant_id, "merchant")
        merchant.set_payouts(self.currency, self.terms, at=loaded.now)
        return Decision(merchant, [merchant])
