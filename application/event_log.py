"""The event log as the rest of the house sees it: load, append a batch, read on.

A *position* is an event's place in the whole log (gapless, from 1, in commit order); a *version*
its place in its stream (from 1). The log keeps the one clock that decides anything.
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
"""What every event of the house is."""


class UnknownEvent(Exception):
    """A stored event whose topic this program does not know: a later version wrote it.

    Whoever follows the log skips it; a stream that holds one cannot be folded.
    """

    def __init__(self, topic: str, stream_id: UUID) -> None:
        super().__init__(
            f"stream {stream_id} holds an event {topic!r:.80} that this version of the program "
            "does not know: upgrade it"
        )
        self.topic = topic


PAGE_EVENTS_MAX: Final = 1000
STREAM_EVENTS_MAX: Final = 1000
"""The most events one page of a stream may hold."""
LOAD_EVENTS_MAX: Final = 500
"""The most events of one stream that a decision may have to read."""
VERSION_MAX: Final = 2**62


class Recorded(NamedTuple):
    """An event as the log holds it. A tuple, as pages of thousands are made of these."""

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
    """How the store reads its bytes."""

    @property
    def event(self) -> Event:
        """The event, brought up to today's shape; read from the bytes each time it is asked for.

        Raises:
            UnknownEvent: this program does not know its topic.
        """
        return self.decode(self)


class AppendRequest(NamedTuple):
    """One command's wish: its events, its receipt, and the times between which both are true."""

    command_id: UUID
    fingerprint: bytes
    events: Sequence[Event]
    deadline: datetime | None = None
    """Record strictly before this, by the log's clock; later is the verdict `late`."""
    not_before: datetime | None = None
    """Record at this or later; sooner is the verdict `early`."""
    actor: str = ""
    trace_id: str = ""
    subject: UUID | None = None
    version: int = 0
    refusal: bytes | None = None


class VerdictKind(StrEnum):
    """What became of one command of a batch."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    REUSED = "reused"
    LATE = "late"
    EARLY = "early"
    CONFLICT = "conflict"
    DOUBT = "doubt"
    """The log's clock is in doubt: nothing of the batch was recorded now."""


class Verdict(NamedTuple):
    """What became of one command, where its events are, and the log's time."""

    kind: VerdictKind
    first_position: int | None
    last_position: int | None
    recorded_at: datetime
    resent: bool = False
    """The batch was sent again because the first answer was lost."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the log keeps of a command for ever, so that its answer can be told again."""

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
    """Answer to `EventLog.load`."""

    events: Sequence[Recorded]
    receipts: Mapping[UUID, Receipt]
    now: datetime


class EventLog(Protocol):
    """What a store must do to carry the ledger."""

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        """Events of each stream after the given version, receipts, and the log's time.

        At most 501 events of a stream, in order: the last one says that there are more than 500.

        Raises:
            LogUnavailable: nothing could be read.
        """
        ...

    def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        """Append what can be appended, all in one transaction; one verdict per command.

        A command that conflicts, or built on one that did, leaves nothing behind. If the answer is
        lost the same batch is sent again until its outcome is known.

        Raises (checked in this order):
            LogRejected: the batch cannot be stored at all; nothing of it was.
            LogUnavailable: the outcome could not be learnt within the adapter's limit.
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
        """The log's time: the only clock that decides. While it is in doubt, the last known."""
        ...

    def clock_state(self) -> ClockState:
        """What the log's clock says, whether it can be believed, and why not.

        Raises:
            LogUnavailable: nothing could be read.
        """
        ...


def fold(events: Sequence[Recorded], into: Any = None) -> Any:
    """The aggregate that the events make, on top of `into`; None if there are no events."""
    aggregate = into
    for recorded in events:
        aggregate = recorded.event.mutate(aggregate)
    return aggregate


def history(log: EventLog, stream_id: UUID, *, up_to: int = VERSION_MAX) -> list[Recorded]:
    """All of one stream's events up to a version, read page by page."""
    events: list[Recorded] = []
    while page := log.stream(stream_id, after=len(events), up_to=up_to):
        events.extend(page)
        if len(page) < STREAM_EVENTS_MAX:
            break
    return events


def opening(log: EventLog, stream_id: UUID) -> tuple[list[Recorded], datetime]:
    """A whole stream and the log's time; one round trip unless the stream is long.

    Raises:
        LogUnavailable: nothing could be read.
    """
    loading = log.load({stream_id: 0}, ())
    if len(loading.events) > LOAD_EVENTS_MAX:
        return history(log, stream_id), loading.now
    return list(loading.events), loading.now
