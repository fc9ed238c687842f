"""The treasury sets the money of a payout aside."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import treasury_of
from application.errors import PayoutNotFunded
from domain.payouts.debits import Credits
from domain.payouts.payout import Payout
from domain.treasury.errors import TreasuryInsufficient


@dataclass(frozen=True, slots=True, kw_only=True)
class FundPayout(Command):
    """Set money aside at the bank, once; a process then has the bank send it."""

    payout_id: UUID
    credits: Credits
    """All top-ups in the payout's currency, at the least."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The payout; its currency names the treasury."""
        return (self.payout_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Fund the payout; nothing if it is funded, or was returned before that.

        Raises (checked in this order):
            NotFound: there is no such payout.
            PayoutNotFunded: the bank does not hold as much yet. Transient: it may later.
        """
        payout = loaded.get(Payout, self.payout_id, "payout")
        treasury = treasury_of(loaded, payout.amount.currency)
        if not payout.fund(at=loaded.now):
            return Decision(payout)
        try:
            treasury.fund_payout(
                payout_id=payout.public_id,
                amount_minor=payout.amount.minor,
                credits=self.credits,
                at=loaded.now,
            )
        except TreasuryInsufficient:
            raise PayoutNotFunded(
                payout_id=payout.public_id,
                amount_minor=payout.amount.minor,
                currency=payout.amount.currency,
            ) from None
        return Decision(payout, [treasury, payout])
