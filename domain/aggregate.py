"""The base of every aggregate: an event is created, applied, and pending until it is recorded.

Each event applies itself (`apply`). The library's own trigger checks more on each call; this one is
cheaper and requires the timestamp, so a process's clock never gets into stored events. All text in
an event is acceptable text (`domain.text`), so every read model, page, export and log can hold it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from eventsourcing.domain import Aggregate, CanInitAggregate, CanMutateAggregate, TAggregate

from domain import text

E = TypeVar("E", bound=CanMutateAggregate[UUID])
_NOT_TEXT = frozenset({int, bool, datetime, UUID, type(None)})


class StartsOrContinues(Aggregate.Created):
    """A base of events that may be recorded again: the first one starts its stream."""

    def mutate(self, aggregate: TAggregate | None) -> TAggregate | None:
        """Start the stream, or continue it."""
        if aggregate is None:
            return super().mutate(None)
        return CanMutateAggregate.mutate(self, aggregate)


class LedgerAggregate(Aggregate):
    """An aggregate of the ledger. Every subclass and every event states its TOPIC."""

    TOPIC = ""

    @classmethod
    def events(cls) -> tuple[type[Any], ...]:
        """The classes of the events that its streams may contain."""
        bound = [value for value in vars(cls).values() if isinstance(value, type)]
        return tuple(one for one in bound if "TOPIC" in vars(one) and one is not cls.Event)

    @classmethod
    def _create(  # type: ignore[override]
        cls,
        event_class: type[CanInitAggregate[UUID]],
        *,
        id: UUID,
        timestamp: datetime,
        **fields: Any,
    ) -> Self:
        """Start a stream with its first event; `timestamp` is the ledger's time."""
        fields |= {
            "originator_topic": cls.TOPIC,
            "originator_id": id,
            "originator_version": cls.INITIAL_VERSION,
            "timestamp": timestamp,
        }
        event = _new_event(event_class, fields)
        aggregate: Any = event.mutate(None)
        aggregate.pending_events.append(event)
        created: Self = aggregate
        return created

    def trigger_event(  # type: ignore[override]
        self, event_class: type[CanMutateAggregate[UUID]], *, timestamp: datetime, **fields: Any
    ) -> None:
        """Create and apply the next event; `timestamp` is the ledger's time."""
        fields["originator_id"] = self.id
        fields["originator_version"] = self.version + 1
        fields["timestamp"] = timestamp
        event = _new_event(event_class, fields)
        event.mutate(self)
        self.pending_events.append(event)


def _new_event(event_class: type[E], fields: dict[str, Any]) -> E:
    """Create an event as its frozen dataclass would: exactly its fields, in their order.

    Raises (checked in this order):
        TypeError: a field is missing or unknown.
        InvalidRequest: a text is not acceptable; names the field.
    """
    dataclass: Any = event_class
    names = dataclass.__dataclass_fields__.keys()
    if fields.keys() != names:
        differing = ", ".join(sorted(fields.keys() ^ names))
        msg = f"missing or unknown fields of {event_class.__qualname__}: {differing}"
        raise TypeError(msg)
    for name, value in fields.items():
        kind = type(value)
        if kind is str:
            if value.isprintable():  # true of nearly all text, and fast to check
                continue
        elif kind in _NOT_TEXT:
            continue
        text.check(name, value)
    event = object.__new__(event_class)
    event.__dict__.update({name: fields[name] for name in names})
    return event
