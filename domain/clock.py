"""Acceptances of the database's clock by the operator, as events."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest

OFFSET_DAYS_MAX = 36_525
"""A century; anything longer is a mistake."""


class ClockAcceptance(LedgerAggregate):
    """One acceptance of the database's clock, in a stream of its own."""

    TOPIC = "clock"

    class Event(Aggregate.Event):
        """The base of an acceptance's events."""

        TOPIC = "clock.event"

    class Accepted(Event, Aggregate.Created):
        """The operator accepted the database's clock, and an offset to add to it from then on."""

        TOPIC = "clock.accepted"
        offset_microseconds: int

    @event(Accepted)
    def __init__(self, offset_microseconds: int) -> None:
        self.offset = timedelta(microseconds=offset_microseconds)

    @classmethod
    def accept(cls, *, acceptance_id: UUID, offset: timedelta, at: datetime) -> ClockAcceptance:
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
