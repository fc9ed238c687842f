"""Nobody has accepted money in suspense in time, so it goes back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.processors.suspense import Suspense


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSuspenseReturn(Command):
    """Ask for money in suspense to be returned; from then on it cannot be accepted."""

    suspense_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The entry."""
        return (self.suspense_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record the request; nothing if it is known, or the money was accepted.

        Raises (checked in this order):
            NotFound: there is no such entry.
            SuspenseNotDue: the merchant may still accept the money.
        """
        entry = loaded.get(Suspense, self.suspense_id, "suspense entry")
        loaded.reached(entry.accept_until)
        entry.request_return(at=loaded.now)
        return Decision(entry, [entry])
