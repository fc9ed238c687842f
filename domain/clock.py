"""What is added to the database's clock, as events: accepted by the operator, or a test clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, TypedDict
from uuid import UUID

from eventsourcing.domain import Aggregate, CanMutateAggregate, TAggregate

from domain import ids
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest

OFFSET_DAYS_MAX: Final = 36_525
"""A century; anything longer is a mistake."""
ADVANCE_SECONDS_MAX: Final = 366 * 86_400
"""How far a test clock is advanced at once: a year."""
ADVANCED_SECONDS_MAX: Final = OFFSET_DAYS_MAX * 86_400
"""How far it is advanced in all, so that no time leaves the calendar."""


class Clock(LedgerAggregate):
    """What is added to the database's clock.

    Each acceptance is in a stream of its own, and the last one counts. A test ledger has one test
    clock: its advances are in one stream, and add up. The log applies both in the append that
    records them, and records nothing else with them.
    """

    TOPIC = "clock"
    STATE_VERSION = 1

    class State(TypedDict):
        """The contents of a snapshot; raise `STATE_VERSION` with every change."""

        offset_microseconds: int
        advanced_seconds: int

    class Event(Aggregate.Event):
        """The base of the clock's events."""

        TOPIC = "clock.event"

    class Accepted(Event, Aggregate.Created):
        """The operator accepted the database's clock, and an offset to add to it from then on."""

        TOPIC = "clock.accepted"
        offset_microseconds: int

        def apply(self, aggregate: Clock) -> None:
            """Keep the offset."""
            aggregate.offset_microseconds = self.offset_microseconds

    class Advanced(Event, Aggregate.Created):
        """The test clock was advanced; recorded at the time after it.

        The first advance starts the stream.
        """

        TOPIC = "clock.advanced"
        seconds: int

        def mutate(self, aggregate: TAggregate | None) -> TAggregate | None:
            """Start the stream, or continue it."""
            if aggregate is None:
                return super().mutate(None)
            return CanMutateAggregate.mutate(self, aggregate)

        def apply(self, aggregate: Clock) -> None:
            """Add the seconds."""
            aggregate.advanced_seconds += self.seconds

    def __init__(self) -> None:
        self.offset_microseconds = 0
        self.advanced_seconds = 0

    @property
    def offset(self) -> timedelta:
        """The accepted offset."""
        return timedelta(microseconds=self.offset_microseconds)

    @classmethod
    def accept(cls, *, acceptance_id: UUID, offset: timedelta, at: datetime) -> Clock:
        """Accept the database's clock.

        Args:
            acceptance_id: a new id.
            offset: added to the database's clock from then on, 0 to 36,525 days.
            at: the ledger's time, UTC.

        Raises:
            InvalidRequest: the offset is out of range.
        """
        if not timedelta(0) <= offset <= timedelta(days=OFFSET_DAYS_MAX):
            reason = f"must be from 0 to {OFFSET_DAYS_MAX} days"
            raise InvalidRequest.of("offset", reason)
        microseconds = offset // timedelta(microseconds=1)
        return cls._create(
            cls.Accepted, id=acceptance_id, timestamp=at, offset_microseconds=microseconds
        )

    @staticmethod
    def test_clock_id() -> UUID:
        """The stream of the test clock."""
        return ids.derive("clock", "test clock")

    @classmethod
    def start(cls, *, seconds: int, at: datetime) -> Clock:
        """Advance the test clock for the first time; arguments and refusals as for `advance`."""
        _check_advance(0, seconds)
        return cls._create(cls.Advanced, id=cls.test_clock_id(), timestamp=at, seconds=seconds)

    def advance(self, *, seconds: int, at: datetime) -> None:
        """Advance the test clock.

        Args:
            seconds: 1 to 31,622,400 (366 days).
            at: the ledger's time before it, UTC.

        Raises (checked in this order):
            InvalidRequest: the seconds are out of range.
            InvalidRequest: the clock would be more than 36,525 days ahead.
        """
        _check_advance(self.advanced_seconds, seconds)
        self.trigger_event(
            self.Advanced, originator_topic=self.TOPIC, timestamp=at, seconds=seconds
        )


def _check_advance(advanced_seconds: int, seconds: int) -> None:
    if not 1 <= seconds <= ADVANCE_SECONDS_MAX:
        reason = f"must be from 1 to {ADVANCE_SECONDS_MAX}"
        raise InvalidRequest.of("advance_seconds", reason)
    if advanced_seconds + seconds > ADVANCED_SECONDS_MAX:
        reason = (
            f"may be at most {ADVANCED_SECONDS_MAX - advanced_seconds}: a test clock is advanced "
            f"by {OFFSET_DAYS_MAX} days in all"
        )
        raise InvalidRequest.of("advance_seconds", reason)
