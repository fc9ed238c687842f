"""A merchant asks for a payout."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import debits_of, take_from_payable
from domain.merchants.merchant import Merchant
from domain.money.money import Money, check_amount
from domain.payouts.debits import Credits, DebitKind, MerchantDebits
from domain.payouts.errors import NoDestination
from domain.payouts.payout import Payout


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPayout(Command):
    """Take money out of the merchant's payable; a process sends it."""

    payout_id: UUID
    merchant_id: UUID
    amount: Money
    credits: Credits
    """What the merchant has earned in the amount's currency, at the least."""
    credits_are_current: bool
    """Whether they were counted up to the log's head when the request arrived."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant and its debits."""
        return (self.merchant_id, *self.writes)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The merchant's debits; the merchant is only read, and the payout is new."""
        return (MerchantDebits.stream_id(self.merchant_id, self.amount.currency),)

    def decide(self, loaded: Loaded) -> Decision:
        """Debit the merchant and request the payout.

        Raises (checked in this order):
            NotFound: there is no such merchant.
            InvalidRequest: the currency is not in use, or the amount is out of range.
            NoDestination: no destination is registered for the currency.
            PayableInsufficient, CreditsNotCounted: see `take_from_payable`.
        """
        merchant = loaded.get(Merchant, self.merchant_id, "merchant")
        check_amount(self.amount.minor, self.amount.currency)
        terms = merchant.payout_terms.get(self.amount.currency)
        if terms is None:
            raise NoDestination(currency=self.amount.currency)
        payout = Payout.request(
            payout_id=self.payout_id,
            merchant_id=merchant.public_id,
            amount=self.amount,
            destination=terms.destination,
            at=loaded.now,
        )
        debits = debits_of(loaded, self.merchant_id, self.amount.currency)
        take_from_payable(
            debits,
            DebitKind.PAYOUT,
            payout.public_id,
            amount_minor=self.amount.minor,
            credits=self.credits,
            credits_are_current=self.credits_are_current,
            at=loaded.now,
        )
        return Decision(payout, [debits, payout])
