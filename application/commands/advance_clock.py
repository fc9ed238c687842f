"""The clock of a test ledger is advanced, so that what is due later happens now."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.clock import Clock
from domain.errors import OnlyInTestLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceClock(Command):
    """Advance the test clock. Of several at once each counts, one after the other."""

    seconds: int
    mode: str
    """Of the ledger; a live ledger has no test clock."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The test clock."""
        return (Clock.test_clock_id(),)

    def decide(self, loaded: Loaded) -> Decision:
        """Record the advance; the log applies it in the same append.

        Raises (checked in this order):
            OnlyInTestLedger: the ledger is live.
            InvalidRequest: see `Clock.advance`.
        """
        if self.mode != "test":
            raise OnlyInTestLedger(feature="The test clock")
        clock = loaded.find(Clock, Clock.test_clock_id())
        if clock is None:
            clock = Clock.start(seconds=self.seconds, at=loaded.now)
        else:
            clock.advance(seconds=self.seconds, at=loaded.now)
        return Decision(clock, [clock])
