"""What every aggregate shares: an event is made whole, applied, and kept until it is recorded.

Events say themselves what they change (`apply`). The library triggers them with more checks at each
call; here an event costs less, and nobody can leave out its time: a process's own clock never gets
into what is stored. Every text in an event is acceptable text (`domain.text`), whoever made the
command: no read model, page, export or log meets an event it cannot take.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from eventsourcing.domain import Aggregate, CanInitAggregate, CanMutateAggregate

from domain import text

E = TypeVar("E", bound=CanMutateAggregate[UUID])
_TEXTLESS = frozenset({int, bool, datetime, UUID, type(None)})


class LedgerAggregate(Aggregate):
    """An aggregate of the ledger. Subclasses name their TOPIC, and every event names its own."""

    TOPIC = ""

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
        event = _make(event_class, fields)
        aggregate: Any = event.mutate(None)
        aggregate.pending_events.append(event)
        made: Self = aggregate
        return made

    def trigger_event(  # type: ignore[override]
        self, event_class: type[CanMutateAggregate[UUID]], *, timestamp: datetime, **fields: Any
    ) -> None:
        """Let an event happen; `timestamp` is the ledger's time."""
        fields["originator_id"] = self.id
        fields["originator_version"] = self.version + 1
        fields["timestamp"] = timestamp
        event = _make(event_class, fields)
        event.mutate(self)
        self.pending_events.append(event)


def _make(event_class: type[E], fields: dict[str, Any]) -> E:
    """An event with exactly its fields, in their order, as its frozen dataclass would make it.

    Raises (checked in this order):
        TypeError: a field is missing or unknown.
        InvalidRequest: a text is not acceptable; names the field.
    """
    dataclass: Any = event_class
    names = dataclass.__dataclass_fields__.keys()
    if fields.keys() != names:
        wrong = ", ".join(sorted(fields.keys() ^ names))
        msg = f"{event_class.__qualname__} has other fields: {wrong}"
        raise TypeError(msg)
    for name, value in fields.items():
        kind = type(value)
        if kind is str:
            if value.isprintable():  # nearly every text is, and it is quickly seen
                continue
        elif kind in _TEXTLESS:
            continue
        text.check(name, value)
    event = object.__new__(event_class)
    event.__dict__.update({name: fields[name] for name in names})
    return event
