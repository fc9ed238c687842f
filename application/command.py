"""Commands, the envelope they are sent in, the state they decide on, and their results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.errors import NotFound
from application.event_log import Receipt
from domain.errors import LedgerError

A = TypeVar("A", bound=Aggregate)


class Decision(NamedTuple):
    """What a command has decided. A tuple, as `Outcome` is, because every command makes one."""

    subject: Aggregate
    """The aggregate that the response shows."""
    changed: Sequence[Aggregate] = ()
    """The aggregates whose pending events are recorded, in this order."""


class Command(ABC):
    """A request to change the ledger, in the imperative. Subclasses are frozen dataclasses."""

    __slots__ = ()

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The streams that `decide` reads, as far as the command can tell. Default: none."""
        return ()

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The streams that `decide` may write; two lanes never hold the same one. Default: all."""
        return self.streams

    @abstractmethod
    def decide(self, loaded: Loaded) -> Decision:
        """Decide on the current state. Called again after a conflict, so it has no side effects.

        Raises:
            LedgerError: the command is refused.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A command with its id and its sender."""

    command: Command
    command_id: UUID
    actor: str
    trace_id: str = ""
    fingerprint: bytes = b""
    """Hash of the request if the caller sent an idempotency key, else empty."""
    older_fingerprints: Callable[[], Collection[bytes]] = tuple
    """Hashes that older releases would have stored for the same request; called only if the
    receipt's hash is not the current one."""

    @property
    def keyed(self) -> bool:
        """Whether the caller sent an idempotency key, so that the log keeps the result forever."""
        return bool(self.fingerprint)

    def is_retry_of(self, fingerprint: bytes) -> bool:
        """Whether a receipt with this command's id and that fingerprint is of the same request."""
        return fingerprint == self.fingerprint or fingerprint in self.older_fingerprints()


class Outcome(NamedTuple):
    """The result of a command that was not refused."""

    subject: Any
    """The aggregate that the response shows, at the version the command left it in."""
    position: int
    """Of the command's last event; if it recorded none, of the last event of the subject."""
    recorded_at: datetime
    """The ledger's time at which the result was valid, UTC."""
    replayed: bool = False
    """Whether it is the first result of a command that was sent again."""


Result = Outcome | LedgerError


@dataclass(frozen=True, slots=True)
class Deferred:
    """Returned instead of a result if more than 500 events of a stream must be read first."""

    stream_id: UUID
    receipt: Receipt | None = None
    """The command's receipt if it was recorded before, so that only its first result is needed."""
    replayed: bool = False


class StreamNotLoaded(Exception):
    """A command needs a stream that is not loaded; the bus loads it and decides again."""

    def __init__(self, stream_id: UUID) -> None:
        self.stream_id = stream_id
        super().__init__(stream_id)


class StreamState(NamedTuple):
    """The aggregate of a stream and the position of its last event; None and 0 if it has none."""

    aggregate: Aggregate | None
    position: int

    @property
    def version(self) -> int:
        """The version of the aggregate; 0 if there is none."""
        return 0 if self.aggregate is None else self.aggregate.version


class Loaded:
    """What a command decides on: aggregates as its batch predecessors leave them, and the time.

    Every aggregate is a copy for this decision, so a refused command changes nothing.
    """

    def __init__(self, states: Mapping[UUID, StreamState], now: datetime) -> None:
        self.now = now
        """The ledger's time, UTC."""
        self.deadline: datetime | None = None
        """The decision must be recorded before this."""
        self.not_before: datetime | None = None
        """The decision must not be recorded before this."""
        self.seen: dict[UUID, Aggregate | None] = {}
        """The streams that the command has read."""
        self._states = states

    def find(self, kind: type[A], stream_id: UUID) -> A | None:
        """The aggregate; None if it does not exist or is of another kind.

        Raises:
            StreamNotLoaded: the stream is not loaded.
        """
        aggregate = self.seen.get(stream_id)
        if aggregate is None:
            state = self._states.get(stream_id)
            if state is None:
                raise StreamNotLoaded(stream_id)
            aggregate = None if state.aggregate is None else copy_for_decision(state.aggregate)
            self.seen[stream_id] = aggregate
        return aggregate if isinstance(aggregate, kind) else None

    def get(self, kind: type[A], stream_id: UUID, thing: str) -> A:
        """The aggregate.

        Raises (checked in this order):
            StreamNotLoaded: the stream is not loaded.
            NotFound: it does not exist or is of another kind; the message names it as `thing`.
        """
        aggregate = self.find(kind, stream_id)
        if aggregate is None:
            raise NotFound(thing=thing)
        return aggregate

    def reached(self, at: datetime) -> bool:
        """Whether the ledger's time has reached `at`.

        The log checks this again when it records the decision: one made before `at` is not
        recorded at `at` or later, and one made at `at` or later is not recorded before.
        """
        if self.now < at:
            self.deadline = min(at, self.deadline or at)
            return False
        self.not_before = max(at, self.not_before or at)
        return True


def copy_for_decision(aggregate: A) -> A:
    """A copy without pending events. It is shallow: all values of a state are immutable."""
    copy = object.__new__(type(aggregate))
    state = aggregate.__dict__.copy()
    state["_pending_events"] = []
    copy.__dict__ = state
    return copy
