"""The operator accepts the database's clock, so that a ledger whose clock is in doubt goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Loaded
from domain.clock import ClockAcceptance


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptClock(Command):
    """Accept the database's clock with an offset (`clock_guard.offset_to_accept`)."""

    acceptance_id: UUID
    offset: timedelta


def accept_clock(command: AcceptClock, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `AcceptClock`. The log takes the offset over as it records the event.

    Raises:
        InvalidRequest: the offset is out of range.
    """
    acceptance = ClockAcceptance.accept(
        acceptance_id=command.acceptance_id, offset=command.offset, at=loaded.now
    )
    return [acceptance]
