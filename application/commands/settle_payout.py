"""The money of a payout has left the bank."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.payouts.payout import Payout


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePayout(Command):
    """Record that the bank has settled a payout."""

    payout_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The payout."""
        return (self.payout_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record it; nothing if the payout was not sent, or was settled or returned before.

        Raises:
            NotFound: there is no such payout.
        """
        payout = loaded.get(Payout, self.payout_id, "payout")
        payout.settle(at=loaded.now)
        return Decision(payout, [payout])
