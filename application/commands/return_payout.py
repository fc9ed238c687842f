"""The bank refuses a payout, or sends its money back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Decision, Loaded
from application.commands._support import debits_of, treasury_of
from domain import ids
from domain.payouts.debits import DebitKind
from domain.payouts.payout import Payout


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPayout(Command):
    """Make the money the merchant's payable again: payout, debits and treasury in one append."""

    payout_id: UUID
    reason: str
    """The bank's; no personal data."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The payout; its merchant and currency name the other streams."""
        return (self.payout_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Return the payout, also after it was settled; nothing if it was returned before.

        Raises:
            NotFound: there is no such payout.
        """
        payout = loaded.get(Payout, self.payout_id, "payout")
        amount = payout.amount
        debits = debits_of(loaded, ids.decode("mer", payout.merchant_id), amount.currency)
        treasury = treasury_of(loaded, amount.currency)
        if not payout.give_back(reason=self.reason, at=loaded.now):
            return Decision(payout)
        debits.restore(DebitKind.PAYOUT, payout.public_id, amount_minor=amount.minor, at=loaded.now)
        changed: list[Aggregate] = [debits]
        if payout.funded:
            treasury.return_payout(
                payout_id=payout.public_id, amount_minor=amount.minor, at=loaded.now
            )
            changed.append(treasury)
        return Decision(payout, [*changed, payout])
