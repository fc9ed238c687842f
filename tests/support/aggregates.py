"""`given(events).when(method).then(events or refusal)` for aggregates; payloads are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.errors import LedgerError

STREAM = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
_ENVELOPE = {"originator_id", "originator_version", "originator_topic", "timestamp"}


@dataclass(frozen=True)
class Fact:
    """An event without its place in a stream: its class, its time and its own fields."""

    kind: type[Any]
    at: datetime
    fields: Mapping[str, Any]


def fact(kind: type[Any], at: datetime, /, **fields: Any) -> Fact:
    """Describe an event."""
    return Fact(kind, at, fields)


def given(*facts: Fact) -> Scenario:
    """Start from an aggregate's history; without any event there is no aggregate yet."""
    return Scenario(fold(*facts))


def fold(*facts: Fact, stream: UUID = STREAM) -> Any:
    """The aggregate that a history makes, or None."""
    aggregate: Any = None
    for version, one in enumerate(facts, 1):
        fields = {**one.fields, "originator_id": stream, "originator_version": version}
        if "originator_topic" in one.kind.__dataclass_fields__:
            fields["originator_topic"] = one.kind.TOPIC.partition(".")[0]
        aggregate = one.kind(timestamp=one.at, **fields).mutate(aggregate)
    return aggregate


class Scenario:
    """An aggregate before and after a method has been called."""

    def __init__(self, aggregate: Any) -> None:
        self.aggregate = aggregate
        self.refusal: LedgerError | None = None
        self.returned: Any = None

    def when(self, act: Callable[[Any], Any]) -> Scenario:
        """Call a method of the aggregate, or a constructor if there is none yet."""
        assert self.refusal is None, "a refusal was not expected with `then`"
        try:
            self.returned = act(self.aggregate)
        except LedgerError as refusal:
            self.refusal = refusal
        else:
            self.aggregate = self.aggregate or self.returned
        return self

    def then(self, *expected: Fact | LedgerError) -> Scenario:
        """Expect exactly these events, or one refusal with its facts and no event."""
        pending = self.aggregate.collect_events() if self.aggregate else []
        outcome: list[tuple[Any, ...]] = [_describe(event) for event in pending]
        if self.refusal is not None:
            outcome.append((type(self.refusal), self.refusal.facts))
        assert outcome == [
            (type(one), one.facts)
            if isinstance(one, LedgerError)
            else (one.kind, one.at, one.fields)
            for one in expected
        ]
        if pending:
            versions = [event.originator_version for event in pending]
            last = self.aggregate.version
            assert versions == list(range(last - len(pending) + 1, last + 1))
            assert {event.originator_id for event in pending} == {self.aggregate.id}
        self.refusal = None
        return self


def _describe(event: Any) -> tuple[type[Any], datetime, dict[str, Any]]:
    fields = {name: value for name, value in vars(event).items() if name not in _ENVELOPE}
    return type(event), event.timestamp, fields
