"""The operator moves money into the bank, or out of it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import treasury_of
from application.errors import CreditsNotCounted
from domain.money.money import Money, check_amount
from domain.payouts.debits import Credits
from domain.treasury.errors import TreasuryInsufficient
from domain.treasury.treasury import MoveKind, Treasury


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTreasury(Command):
    """Record a movement of own funds, fees, or one side of a currency exchange."""

    kind: MoveKind
    amount: Money
    incoming: bool
    reference: str
    """The bank's or the operator's; no personal data, at most 80 characters."""
    credits: Credits
    """All top-ups in the amount's currency, at the least; not used for money coming in."""
    credits_are_current: bool
    """Whether they were counted up to the log's head when the request arrived."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The treasury of the currency."""
        return (Treasury.stream_id(self.amount.currency),)

    def decide(self, loaded: Loaded) -> Decision:
        """Record the movement.

        Raises (checked in this order):
            InvalidRequest: see `Treasury.move`.
            CreditsNotCounted: these top-ups do not cover it, and later ones may.
            TreasuryInsufficient: there is not as much to move out.
        """
        check_amount(self.amount.minor, self.amount.currency)
        treasury = treasury_of(loaded, self.amount.currency)
        try:
            treasury.move(
                self.kind,
                self.amount,
                incoming=self.incoming,
                reference=self.reference,
                credits=self.credits,
                at=loaded.now,
            )
        except TreasuryInsufficient:
            if self.credits_are_current:
                raise
            raise CreditsNotCounted(position=self.credits.position) from None
        return Decision(treasury, [treasury])
