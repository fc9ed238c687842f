"""What each command of a batch has decided, and the states that one round decides on."""

from __future__ import annotations

from collections.abc import KeysView, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from eventsourcing.domain import Aggregate

from application.command import Deferred, Envelope, Loaded, Outcome, Result, StreamState
from application.event_log import AppendRequest, Event, Verdict, VerdictKind
from application.state_cache import LoadedState
from domain.errors import LedgerError

_HAS_RECEIPT: Final = frozenset({VerdictKind.DUPLICATE, VerdictKind.REUSED})

_NOTHING: Final = Loaded({}, datetime.min.replace(tzinfo=UTC))


@dataclass(slots=True, eq=False)
class PendingDecision:
    """One command of a batch, until it has a result."""

    envelope: Envelope
    result: Result | Deferred | None = None
    tries: int = 0
    discovered: tuple[UUID, ...] = ()
    """Streams that `decide` turned out to need beyond those the command names."""
    # The outcome of the latest round:
    loaded: Loaded = _NOTHING
    subject: Any = None
    changed: Sequence[Aggregate] = ()
    events: Sequence[Event] = ()
    refusal: LedgerError | None = None
    verdict: Verdict | None = None

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The streams to load before the command can decide."""
        return self.envelope.command.streams + self.discovered

    @property
    def seen(self) -> KeysView[UUID]:
        """The streams that the decision has read."""
        return self.loaded.seen.keys()

    @property
    def written(self) -> set[UUID]:
        """The streams that the decision writes."""
        return {aggregate.id for aggregate in self.changed}

    @property
    def needs_receipt(self) -> bool:
        """Whether it is recorded: it has events, or a result that its idempotency key must keep."""
        if self.events or not self.envelope.keyed:
            return bool(self.events)
        return self.refusal is None or self.refusal.kept

    @property
    def recorded(self) -> bool:
        """Whether the latest append recorded it."""
        return self.verdict is not None and self.verdict.kind is VerdictKind.RECORDED

    @property
    def was_resent(self) -> bool:
        """Whether the receipt found by the latest append is its own, from a lost response."""
        verdict = self.verdict
        return verdict is not None and verdict.resent and verdict.kind in _HAS_RECEIPT

    def decide(self, loaded: Loaded) -> None:
        """Let the command decide; replaces what an earlier round decided.

        Raises:
            StreamNotLoaded: the command needs a stream that is not loaded.
        """
        self.loaded = loaded
        self.subject, self.changed, self.events = None, (), ()
        self.refusal, self.verdict = None, None
        try:
            decision = self.envelope.command.decide(loaded)
        except LedgerError as refusal:
            self.refusal = refusal
            return
        self.subject = decision.subject
        self.changed = [aggregate for aggregate in decision.changed if aggregate.pending_events]
        self.events = [event for aggregate in self.changed for event in aggregate.pending_events]

    def append_request(self) -> AppendRequest:
        """The events and the receipt to append."""
        refusal = None
        if self.refusal is not None:
            refusal = msgspec.json.encode({"code": self.refusal.code, "facts": self.refusal.facts})
        return AppendRequest(
            command_id=self.envelope.command_id,
            fingerprint=self.envelope.fingerprint,
            events=self.events,
            deadline=self.loaded.deadline,
            not_before=self.loaded.not_before,
            actor=self.envelope.actor,
            trace_id=self.envelope.trace_id,
            subject=self.subject.id if self.subject else None,
            version=self.subject.version if self.subject else 0,
            refusal=refusal,
        )


class Round:
    """The streams as one round sees them, changed by each decision and then by each verdict."""

    def __init__(self, loaded: LoadedState) -> None:
        self.now = loaded.now
        """The ledger's time: when the streams were loaded, later when the batch was recorded."""
        self.states = dict(loaded.states)
        """Each stream as the batch predecessors leave it."""
        self._loaded = loaded.states
        self._written: dict[UUID, int] = {}
        """The streams that the batch writes, with their last recorded position; 0: none yet."""

    def add(self, pending: PendingDecision) -> bool:
        """Apply a decision, so that later ones build on it; False if it must wait for a round.

        It must wait if it is to be recorded, and has read but not written a stream that a batch
        predecessor writes: should the predecessor lose, the append could not detect the conflict.
        """
        read = self._written.keys() & pending.seen
        if read and pending.needs_receipt and not read <= pending.written:
            return False
        for aggregate in pending.changed:
            self.states[aggregate.id] = StreamState(aggregate, 0)  # the position is not known yet
            self._written[aggregate.id] = 0
        return True

    def record(self, pending: PendingDecision) -> list[StreamState]:
        """Note what an append has recorded; returns the new states of its streams."""
        verdict = pending.verdict
        if verdict is None or verdict.first_position is None:
            return []
        self.now = max(self.now, verdict.recorded_at)
        states = []
        position = verdict.first_position - 1
        for aggregate in pending.changed:
            position += len(aggregate.pending_events)
            aggregate.pending_events.clear()
            self._written[aggregate.id] = position
            states.append(StreamState(aggregate, position))
        return states

    def outcome(self, pending: PendingDecision) -> Outcome:
        """The result of a valid decision."""
        verdict, subject = pending.verdict, pending.subject
        if verdict is not None and verdict.last_position is not None:
            return Outcome(subject, verdict.last_position, verdict.recorded_at)
        position = self._written.get(subject.id) or self._loaded[subject.id].position
        return Outcome(subject, position, verdict.recorded_at if verdict else self.now)
