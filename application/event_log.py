"""The event log: what the application requires of it, and how streams are read from it.

A *position* is an event's place in the whole log (gapless, from 1, in commit order); a *version*
its place in its stream (from 1). Only the log's clock decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from eventsourcing.domain import CanMutateAggregate

from application.clock_guard import ClockState

Event = CanMutateAggregate[UUID]
"""The base class of every event."""


class UnknownEvent(Exception):
    """A stored event of a topic that this version of the program does not know.

    Consumers skip it; a stream that contains one cannot be folded.
    """

    def __init__(self, topic: str, stream_id: UUID) -> None:
        super().__init__(
            f"stream {stream_id} contains an event of the unknown topic {topic!r:.80}: a newer "
            "version of the program has written it, so this one must be upgraded"
        )
        self.topic = topic


PAGE_EVENTS_MAX: Final = 1000
STREAM_EVENTS_MAX: Final = 1000
"""The most events in one page of a stream."""
LOAD_EVENTS_MAX: Final = 500
"""The most events of one stream that are read for a decision."""
VERSION_MAX: Final = 2**62
STATE_BYTES_MAX: Final = 60_000
"""Of a stored event: its leaf has to fit an entry bundle (tlog-tiles), whose lengths are u16."""


class Recorded(NamedTuple):
    """An event as the log stores it. A tuple because it is created thousands at a time."""

    position: int
    stream_id: UUID
    version: int
    topic: str
    state: bytes
    recorded_at: datetime
    event_id: UUID
    command_id: UUID
    actor: str
    trace_id: str
    schema_version: int
    decode: Callable[[Recorded], Event]
    """The event store's decoder."""

    @property
    def event(self) -> Event:
        """The event, upcast and decoded on every access.

        Raises:
            UnknownEvent: this program does not know its topic.
        """
        return self.decode(self)


class AppendRequest(NamedTuple):
    """What one command records: its events and its receipt, within certain limits of time."""

    command_id: UUID
    fingerprint: bytes
    events: Sequence[Event]
    deadline: datetime | None = None
    """Record only before this, by the log's clock; otherwise the verdict is `late`."""
    not_before: datetime | None = None
    """Record only at this time or later; otherwise the verdict is `early`."""
    actor: str = ""
    trace_id: str = ""
    subject: UUID | None = None
    version: int = 0
    refusal: bytes | None = None


class VerdictKind(StrEnum):
    """What happened to one command of a batch."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    """There is a receipt with its id and fingerprint."""
    REUSED = "reused"
    """There is a receipt with its id and another fingerprint."""
    LATE = "late"
    EARLY = "early"
    CONFLICT = "conflict"
    DOUBT = "doubt"
    """The log's clock is in doubt, so nothing of the batch was recorded."""


class Verdict(NamedTuple):
    """What happened to one command, the positions of its events, and the log's time."""

    kind: VerdictKind
    first_position: int | None
    last_position: int | None
    recorded_at: datetime
    resent: bool = False
    """Whether the batch was sent again because the first response was lost."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the log keeps of a command forever, so that its result can be replayed."""

    command_id: UUID
    fingerprint: bytes
    first_position: int | None
    last_position: int | None
    recorded_at: datetime
    subject: UUID | None
    version: int
    refusal: bytes | None


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What `EventLog.load` returns."""

    events: Sequence[Recorded]
    receipts: Mapping[UUID, Receipt]
    now: datetime


class EventLog(Protocol):
    """What an event store must provide."""

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        """Events of each stream after the given version, receipts, and the log's time.

        Returns at most 501 events of each stream, in order; 501 mean that there are more than 500.

        Raises:
            LogUnavailable: nothing could be read.
        """
        ...

    def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        """Append what can be appended, all in one transaction; one verdict per command.

        A command that conflicts, or that builds on one that did, records nothing. If the response
        is lost, the same batch is sent again until its outcome is known.

        Raises (checked in this order):
            LogRejected: the batch cannot be stored at all; nothing of it was.
            LogUnavailable: the outcome could not be determined within the adapter's time limit.
        """
        ...

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """The log in order, from the position after `after`; at most `limit` (1 to 1000).

        Raises:
            LogUnavailable: nothing could be read.
        """
        ...

    def stream(
        self, stream_id: UUID, *, after: int = 0, up_to: int = VERSION_MAX
    ) -> Sequence[Recorded]:
        """One stream's events with `after` < version <= `up_to`, at most 1000 of them.

        Raises:
            LogUnavailable: nothing could be read.
        """
        ...

    def head(self) -> int:
        """The last position, 0 if there is none."""
        ...

    def now(self) -> datetime:
        """The log's time. While its clock is in doubt, the last known time."""
        ...

    def clock_state(self) -> ClockState:
        """The log's clock, and whether and why it is in doubt.

        Raises:
            LogUnavailable: nothing could be read.
        """
        ...


def fold(events: Sequence[Recorded], into: Any = None) -> Any:
    """The aggregate `into` after these events; None if no event has created it."""
    aggregate = into
    for recorded in events:
        aggregate = recorded.event.mutate(aggregate)
    return aggregate


def history(log: EventLog, stream_id: UUID, *, up_to: int = VERSION_MAX) -> list[Recorded]:
    """All events of a stream up to a version, read page by page."""
    events: list[Recorded] = []
    while page := log.stream(stream_id, after=len(events), up_to=up_to):
        events.extend(page)
        if len(page) < STREAM_EVENTS_MAX:
            break
    return events


class Place(Protocol):
    """Where an event is: its stream, and its place in it."""

    @property
    def stream_id(self) -> UUID: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102


def at_places(log: EventLog, places: Sequence[Place]) -> list[Recorded]:
    """The events at these places, in their order; the places are those of existing events.

    Reads once for all streams, and again for each event that is more than 500 versions after the
    first one of its stream.

    Raises:
        LogUnavailable: nothing could be read.
    """
    first: dict[UUID, int] = {}
    for place in places:
        first[place.stream_id] = min(place.version, first.get(place.stream_id, VERSION_MAX))
    after = {stream: version - 1 for stream, version in first.items()}
    loaded = log.load(after, ()).events if after else ()
    found = {(one.stream_id, one.version): one for one in loaded}
    events = []
    for place in places:
        event = found.get((place.stream_id, place.version))
        if event is None:
            [event] = log.stream(place.stream_id, after=place.version - 1, up_to=place.version)
        events.append(event)
    return events


def load_history(log: EventLog, stream_id: UUID) -> tuple[list[Recorded], datetime]:
    """All events of a stream and the log's time, in one round trip unless the stream is long.

    Raises:
        LogUnavailable: nothing could be read.
    """
    loaded = log.load({stream_id: 0}, ())
    if len(loaded.events) > LOAD_EVENTS_MAX:
        return history(log, stream_id), loaded.now
    return list(loaded.events), loaded.now
