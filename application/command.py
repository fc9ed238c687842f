"""What may be asked: commands, the envelope they travel in, and what a handler sees."""

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


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command has decided."""

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
    """A command and who sends it under which name."""

    command: Command
    command_id: UUID
    actor: str
    trace_id: str = ""
    fingerprint: bytes = b""
    """Hash of the request, if the caller gave an idempotency key; else empty."""
    older_fingerprints: Callable[[], Collection[bytes]] = tuple
    """Hashes that older releases would have stored of the same request; asked for when a receipt
    has another than today's."""

    @property
    def keyed(self) -> bool:
        """Whether the caller gave an idempotency key, so that the answer is kept for ever."""
        return bool(self.fingerprint)

    def is_retry_of(self, fingerprint: bytes) -> bool:
        """Whether a receipt under this command's id is of the same request."""
        return fingerprint == self.fingerprint or fingerprint in self.older_fingerprints()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended well: what its answer shows, and where the log stands."""

    subject: Any
    position: int
    recorded_at: datetime
    replayed: bool = False


Result = Outcome | LedgerError
"""How a command ended."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A command whose answer needs a stream of more than 500 events: nothing was decided."""

    stream_id: UUID
    receipt: Receipt | None = None
    """Of the command, if it was recorded before and only its first answer is wanted."""
    replayed: bool = False


class StreamNotLoaded(Exception):
    """A handler needs a stream that was not loaded; the bus loads it and asks again."""

    def __init__(self, stream_id: UUID) -> None:
        self.stream_id = stream_id
        super().__init__(stream_id)


class StreamState(NamedTuple):
    """A stream's state and the position of its last event; None and 0 if it has none."""

    state: Aggregate | None
    position: int

    @property
    def version(self) -> int:
        """The version of the state, 0 if there is none."""
        return self.state.version if self.state else 0


class Loaded:
    """What a handler sees: aggregates as its batch-mates leave them, and the ledger's time.

    Each aggregate is the handler's own copy, so a refusal leaves no trace.
    """

    def __init__(self, entries: Mapping[UUID, StreamState], now: datetime) -> None:
        self.now = now
        self.deadline: datetime | None = None
        self.not_before: datetime | None = None
        self.seen: dict[UUID, Aggregate | None] = {}
        self._entries = entries

    def find(self, kind: type[A], stream_id: UUID) -> A | None:
        """The aggregate, or None if it does not exist or is of another kind."""
        if stream_id in self.seen:
            found = self.seen[stream_id]
        else:
            entry = self._entries.get(stream_id)
            if entry is None:
                raise StreamNotLoaded(stream_id)
            found = None if entry.state is None else copy_for_decision(entry.state)
            self.seen[stream_id] = found
        return found if isinstance(found, kind) else None

    def get(self, kind: type[A], stream_id: UUID, thing: str) -> A:
        """The aggregate.

        Raises:
            NotFound: it does not exist; `thing` names it for the caller.
        """
        found = self.find(kind, stream_id)
        if found is None:
            raise NotFound(thing=thing)
        return found

    def reached(self, at: datetime) -> bool:
        """Whether the ledger's time has reached `at`.

        The decision rests on it, so the log checks it again when it records: a decision made
        before `at` is not recorded at `at` or later, and the other way round.
        """
        if self.now < at:
            self.deadline = min(at, self.deadline or at)
            return False
        self.not_before = max(at, self.not_before or at)
        return True


def copy_for_decision(aggregate: A) -> A:
    """A copy that can be changed without touching the original: state is immutable values."""
    twin = object.__new__(type(aggregate))
    twin.__dict__.update(aggregate.__dict__)
    twin.__dict__["_pending_events"] = []
    return twin
