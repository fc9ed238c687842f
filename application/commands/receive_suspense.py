"""Money has arrived at a processor that belongs to no attempt of this ledger."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.money.money import Money
from domain.processors.suspense import Suspense, SuspenseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveSuspense(Command):
    """Put unmatched money into suspense; it is returned at once."""

    processor: str
    reference: str
    """The processor's, of the capture: money of the same reference counts once."""
    money: Money

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The entry."""
        return (Suspense.stream_id(self.processor, self.reference),)

    def decide(self, loaded: Loaded) -> Decision:
        """Record the money; nothing if its reference has an entry already.

        Raises:
            InvalidRequest: see `Suspense.receive`.
        """
        entry = loaded.find(Suspense, self.streams[0])
        if entry is None:
            entry = Suspense.receive(
                processor=self.processor,
                reference=self.reference,
                reason=SuspenseReason.UNMATCHED,
                amount=self.money,
                accept_until=loaded.now,
                at=loaded.now,
            )
        return Decision(entry, [entry])
