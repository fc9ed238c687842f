"""The one road of every write: a batch of commands, decided in order, appended at once.

What it promises:

- One key, one command: the first answer again, or `idempotency-key-reused`.
- Commands of one batch see each other's results. An answer that rests on a batch-mate's pending
  result waits for the mate's verdict, and is decided again if the mate lost.
- Conflicts are decided per command, reloaded and decided again, a bounded number of times.
- Time is the log's: what depends on it is checked again inside the append.
- `attempt` reads at most 500 events of a stream. A command that needs more comes back `Deferred`,
  and whoever sent it has `prepare` read the rest where nobody else waits for it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from eventsourcing.domain import Aggregate

from application.command import (
    Deferred,
    Envelope,
    Loaded,
    Outcome,
    Result,
    StreamNotLoaded,
    StreamState,
)
from application.decisions import PendingDecision, Round
from application.errors import (
    IdempotencyKeyReused,
    InternalError,
    LogRejected,
    LogUnavailable,
    Overloaded,
)
from application.event_log import (
    AppendRequest,
    Event,
    EventLog,
    Receipt,
    Verdict,
    VerdictKind,
)
from application.ports.metrics import Metrics, NoMetrics
from application.state_cache import StateCache
from domain.errors import LedgerError

TRIES_MAX: Final = 20
"""How often one command may be decided because it lost, before the caller is told to wait."""
LOADS_MAX: Final = 4
"""How often a handler may name a stream that was not loaded yet."""
DEFERRALS_MAX: Final = 8
"""How often `run` reads long streams for one batch: each command names few streams."""

_log = logging.getLogger(__name__)


class Bus:
    """Decides batches of commands on top of one event log; for one thread at a time."""

    def __init__(
        self, log: EventLog, *, cache: StateCache | None = None, metrics: Metrics | None = None
    ) -> None:
        self._event_log = log
        self._cache = cache if cache is not None else StateCache()
        self._metrics = metrics if metrics is not None else NoMetrics()

    def send(self, envelope: Envelope) -> Outcome:
        """Run one command alone.

        Raises:
            LedgerError: the refusal.
        """
        [result] = self.run([envelope])
        if isinstance(result, LedgerError):
            raise result
        return result

    def run(self, batch: Sequence[Envelope]) -> list[Result]:
        """Decide and append a batch, however long its streams; one result per command, in order."""
        results: dict[int, Result | None] = dict.fromkeys(range(len(batch)))
        for _ in range(DEFERRALS_MAX):
            waiting = [number for number, result in results.items() if result is None]
            if not waiting:
                break
            for number, told in zip(
                waiting, self.attempt([batch[n] for n in waiting]), strict=True
            ):
                results[number] = self.prepare(told) if isinstance(told, Deferred) else told
        return [result or Overloaded(reason="long streams") for result in results.values()]

    def prepare(self, deferred: Deferred) -> Result | None:
        """Read what a lane may not: the first answer, or None if the command may come again."""
        stream, receipt = deferred.stream_id, deferred.receipt
        try:
            if receipt is not None:
                shown = self._cache.load_all(self._event_log, stream, up_to=receipt.version)
                return _first_answer(receipt, shown, replayed=deferred.replayed)
            self._cache.load_all(self._event_log, stream)
        except LogUnavailable as away:
            return Overloaded(reason=str(away.facts["reason"]))
        except Exception:  # noqa: BLE001 - one stream's mistake is its callers' alone
            _log.exception("stream %s cannot be read", stream)
            return InternalError()
        return None

    def attempt(self, batch: Sequence[Envelope]) -> list[Result | Deferred]:
        """Decide and append what rests on streams of which at most 500 events must be read."""
        slots = [PendingDecision(envelope) for envelope in batch]
        try:
            while open_slots := [slot for slot in slots if slot.result is None]:
                self._round(open_slots)
        except LogUnavailable as away:
            self._cache.clear()
            for slot in slots:
                slot.result = slot.result or Overloaded(reason=str(away.facts["reason"]))
        except Exception:  # noqa: BLE001 - one mistake must not end the writer
            _log.exception("a batch of %d commands failed", len(batch))
            self._cache.clear()
            alone = len(slots) == 1
            for slot in slots:  # what the mistake is not about must not suffer from it
                slot.result = slot.result or (
                    InternalError() if alone else self.attempt([slot.envelope])[0]
                )
        return [slot.result or InternalError() for slot in slots]

    # One round: load, decide in order, append, learn the verdicts. Every round settles or
    # tries at least its first command, so `TRIES_MAX` bounds the rounds.

    def _round(self, slots: list[PendingDecision]) -> None:
        first: dict[UUID, PendingDecision] = {}
        for slot in slots:
            first.setdefault(slot.envelope.command_id, slot)
        named = {stream for slot in first.values() for stream in slot.envelope.command.streams}
        keyed = [slot.envelope.command_id for slot in slots if slot.envelope.keyed]
        loaded_state = self._cache.load(self._event_log, named, keyed)
        receipts = loaded_state.receipts
        ground = Round(loaded_state)
        deciding = []
        for slot in slots:
            receipt = receipts.get(slot.envelope.command_id)
            if receipt is not None:
                slot.result = self._replay(receipt, slot.envelope, replayed=True)
            elif loaded_state.too_long and (
                long := loaded_state.too_long.intersection(slot.envelope.command.streams)
            ):
                slot.result = Deferred(min(long))
            elif first[slot.envelope.command_id] is slot:
                deciding.append(slot)  # a twin waits for the next round, and finds the receipt
        decided = self._decide_all(deciding, ground)
        recording = [slot for slot in decided if slot.to_record]
        if recording:
            self._append(recording)
        self._commit(recording)
        for slot in sorted(decided, key=lambda slot: slot.is_duplicate):  # those read once more
            self._conclude(slot, ground)
        self._cache.trim()
        if len(first) < len(slots):
            for slot in slots:
                self._share_refusal(slot, first[slot.envelope.command_id])

    def _decide_all(self, slots: list[PendingDecision], ground: Round) -> list[PendingDecision]:
        decided = []
        waiting = slots
        for _ in range(LOADS_MAX):
            missing: list[tuple[PendingDecision, UUID]] = []
            for slot in waiting:
                try:
                    if self._decide(slot, ground):
                        decided.append(slot)
                except StreamNotLoaded as signal:
                    missing.append((slot, signal.stream_id))
            if not missing:
                return decided
            loaded_state = self._cache.load(self._event_log, {stream for _, stream in missing})
            ground.widen(loaded_state)
            waiting = []
            for slot, stream in missing:
                if stream in loaded_state.too_long:
                    slot.result = Deferred(stream)
                else:
                    waiting.append(slot)
        for slot in waiting:
            _log.error("%s asks for streams without end", type(slot.envelope.command).__name__)
            slot.result = InternalError()
        return decided

    def _decide(self, slot: PendingDecision, ground: Round) -> bool:
        """Ask the handler. False: the slot has to wait for a mate's verdict, or is settled."""
        loaded = Loaded(ground.entries, ground.now)
        slot.error, slot.subject, slot.verdict = None, None, None
        changed: list[Aggregate] = []
        try:
            decision = slot.envelope.command.decide(loaded)
            slot.subject = decision.subject
            changed = [one for one in decision.changed if one.pending_events]
        except LedgerError as refusal:
            slot.error = refusal
        except StreamNotLoaded:
            raise
        except Exception:  # noqa: BLE001 - one bad command must not fail its mates
            _log.exception("%s failed", type(slot.envelope.command).__name__)
            slot.result = InternalError()
            return False
        slot.deadline, slot.earliest = loaded.deadline, loaded.earliest
        written = [aggregate.id for aggregate in changed]
        mates: list[PendingDecision] = []
        only_read = False
        for stream in loaded.seen:
            if earlier := ground.writers.get(stream):
                mates += earlier
                only_read = only_read or stream not in written
        events: list[Event] = []
        ends: list[tuple[Aggregate, int]] = []
        for aggregate in changed:
            events += aggregate.pending_events
            ends.append((aggregate, len(events) - 1))
        slot.mates, slot.events, slot.changed = mates, events, ends
        if only_read and slot.to_record:
            return False  # the append could not see that it rests on a mate: decide it afterwards
        for aggregate in changed:
            aggregate.pending_events.clear()
            ground.entries[aggregate.id] = StreamState(
                aggregate, 0
            )  # its position is not known yet
            ground.writers.setdefault(aggregate.id, []).append(slot)
        return True

    def _append(self, slots: list[PendingDecision]) -> None:
        batch = [self._pending(slot) for slot in slots]
        started = time.perf_counter()
        try:
            verdicts: Sequence[Verdict | None] = self._event_log.append(batch)
        except LogRejected:
            verdicts = [self._append_alone(pending) for pending in batch]
        self._metrics.batch_appended(
            commands=len(batch),
            events=sum(len(pending.events) for pending in batch),
            seconds=time.perf_counter() - started,
        )
        for slot, verdict in zip(slots, verdicts, strict=True):
            slot.verdict = verdict
            if verdict is None:
                slot.result = InternalError()
        for kind, count in Counter(one.kind for one in verdicts if one is not None).items():
            self._metrics.verdicts_given(kind, count)

    def _append_alone(self, pending: AppendRequest) -> Verdict | None:
        """One poisonous command must not fail its batch-mates."""
        try:
            return self._event_log.append([pending])[0]
        except LogRejected:
            _log.exception("command %s cannot be stored", pending.command_id)
            return None

    @staticmethod
    def _pending(slot: PendingDecision) -> AppendRequest:
        refusal = None
        if slot.error:
            refusal = msgspec.json.encode({"code": slot.error.code, "facts": slot.error.facts})
        return AppendRequest(
            command_id=slot.envelope.command_id,
            fingerprint=slot.envelope.fingerprint,
            events=slot.events,
            deadline=slot.deadline,
            not_before=slot.earliest,
            actor=slot.envelope.actor,
            trace_id=slot.envelope.trace_id,
            subject=slot.subject.id if slot.subject else None,
            version=slot.subject.version if slot.subject else 0,
            refusal=refusal,
        )

    def _commit(self, recording: list[PendingDecision]) -> None:
        """Keep the states of winners only, so that the cache never knows more than the log."""
        lost = {aggregate.id for slot in recording if not slot.won for aggregate, _ in slot.changed}
        for stream in lost:
            self._cache.drop(stream)
        for slot in recording:
            if slot.won and slot.verdict is not None and slot.verdict.first_position is not None:
                for aggregate, offset in slot.changed:
                    if not lost or aggregate.id not in lost:
                        self._cache.put(
                            StreamState(aggregate, slot.verdict.first_position + offset)
                        )

    def _conclude(self, slot: PendingDecision, ground: Round) -> None:
        if slot.result is not None:
            return
        verdict = slot.verdict
        if verdict is None:  # nothing to record: true as long as what it rests on is
            if any(not mate.won for mate in slot.mates):
                self._try_again(slot)
            elif slot.error:
                slot.result = slot.error
            else:
                times = [mate.verdict.recorded_at for mate in slot.mates if mate.verdict]
                position = self._position_of(slot, ground)
                slot.result = Outcome(slot.subject, position, max([ground.now, *times]))
        elif verdict.kind is VerdictKind.RECORDED:
            if slot.error:
                slot.result = slot.error
            else:
                position = verdict.last_position or self._position_of(slot, ground)
                slot.result = Outcome(slot.subject, position, verdict.recorded_at)
        elif verdict.kind is VerdictKind.DOUBT:
            slot.result = Overloaded(reason="the database's clock is in doubt")
        elif slot.is_duplicate:
            receipts = self._event_log.load({}, [slot.envelope.command_id]).receipts
            receipt = receipts[slot.envelope.command_id]
            slot.result = self._replay(receipt, slot.envelope, replayed=not verdict.resent)
        else:
            self._try_again(slot)

    @staticmethod
    def _position_of(slot: PendingDecision, ground: Round) -> int:
        """The position of the last event behind what is shown: a mate's, or one that was loaded."""
        for mate in reversed(slot.mates):
            for aggregate, offset in mate.changed:
                if aggregate.id == slot.subject.id and mate.verdict is not None:
                    return (mate.verdict.first_position or 0) + offset
        return ground.loaded[slot.subject.id].position

    @staticmethod
    def _try_again(slot: PendingDecision) -> None:
        slot.tries += 1
        if slot.tries >= TRIES_MAX:
            slot.result = Overloaded(reason="too many others write the same thing")

    @staticmethod
    def _share_refusal(slot: PendingDecision, first: PendingDecision) -> None:
        """A twin in the same batch asked the same thing at the same moment: same refusal."""
        if slot is first or slot.result is not None or not isinstance(first.result, LedgerError):
            return
        if slot.envelope.fingerprint == first.envelope.fingerprint and not first.result.kept:
            slot.result = first.result

    def _replay(self, receipt: Receipt, envelope: Envelope, *, replayed: bool) -> Result | Deferred:
        """The first answer again, from what the log kept of the command."""
        if not envelope.is_retry_of(receipt.fingerprint):
            return IdempotencyKeyReused()
        if receipt.refusal is not None:
            stored = msgspec.json.decode(receipt.refusal)
            refusal = LedgerError.by_code[stored["code"]](**stored["facts"])
            refusal.replayed = replayed
            return refusal
        if receipt.subject is None:
            return InternalError()
        shown = self._cache.at_version(self._event_log, receipt.subject, receipt.version)
        if shown is None:
            return Deferred(receipt.subject, receipt, replayed=replayed)
        return _first_answer(receipt, shown, replayed=replayed)


def _first_answer(receipt: Receipt, shown: StreamState, *, replayed: bool) -> Outcome:
    position = receipt.last_position or shown.position
    return Outcome(shown.state, position, receipt.recorded_at, replayed)
