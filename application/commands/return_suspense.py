"""A processor has given money in suspense back to its payer."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.processors.suspense import Suspense


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnSuspense(Command):
    """Close an entry whose money is with the payer again."""

    suspense_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The entry."""
        return (self.suspense_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record the return; nothing if it is known.

        Raises (checked in this order):
            NotFound: there is no such entry.
            SuspenseClosed: the money was accepted, or nobody has asked for its return.
        """
        entry = loaded.get(Suspense, self.suspense_id, "suspense entry")
        entry.give_back(at=loaded.now)
        return Decision(entry, [entry])
