"""The bank has accepted a payout."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.payouts.payout import Payout


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPayout(Command):
    """Record that the bank has accepted the transfer of a funded payout."""

    payout_id: UUID
    bank_reference: str
    """The bank's name of the transfer; shortened to 80 characters."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The payout."""
        return (self.payout_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record it; nothing if the payout was sent or returned before.

        Raises:
            NotFound: there is no such payout.
        """
        payout = loaded.get(Payout, self.payout_id, "payout")
        payout.send(bank_reference=self.bank_reference, at=loaded.now)
        return Decision(payout, [payout])
