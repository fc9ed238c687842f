"""The operator accepts the database's clock, so that a ledger whose clock is in doubt goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptClock(Command):
    """Accept the database's clock with an offset (see `clock_guard.offset_to_accept`)."""

    acceptance_id: UUID
    offset: timedelta

    def decide(self, loaded: Loaded) -> Decision:
        """Record the acceptance; the log applies the offset in the same append.

        Raises:
            InvalidRequest: the offset is out of range.
        """
        acceptance = Clock.accept(
            acceptance_id=self.acceptance_id, offset=self.offset, at=loaded.now
        )
        return Decision(acceptance, [acceptance])
