"""The command bus: decides a batch of commands in order and appends it in one round trip.

What it guarantees:

- Idempotency: a command id is recorded at most once. A command sent again under its idempotency key
  returns the first result, or `idempotency-key-reused` if the request is another one.
- A command sees the results of its batch predecessors. A result that depends on a predecessor's
  unrecorded events is returned only once they are recorded; otherwise the command decides again.
- Conflicts are settled per command: the one that lost is reloaded and decides again, at most
  `TRIES_MAX` times.
- The log's clock decides: what depends on the time is checked again inside the append.
- `decide_batch` reads at most 500 events of a stream. A command that needs more is returned as
  `Deferred`; `resolve_deferred` then reads the stream on a thread that holds up no other command.
- A command that fails or that the log rejects does not fail the others of its batch.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

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
from application.event_log import AppendRequest, EventLog, Receipt, Verdict, VerdictKind
from application.ports.metrics import Metrics, NoMetrics
from application.state_cache import LoadedState, StateCache
from domain.errors import LedgerError

TRIES_MAX: Final = 20
"""How often one command decides because it lost a conflict, before it is refused."""
DISCOVERED_STREAMS_MAX: Final = 32
"""How many streams one command may need beyond those it names."""
DEFERRALS_MAX: Final = 8
"""How many long streams `send_all` reads for one command: each needs only a few."""

_log = logging.getLogger(__name__)


class Bus:
    """Decides batches of commands on one event log.

    One thread may decide while another reads long streams with `resolve_deferred`.
    """

    def __init__(
        self, log: EventLog, *, cache: StateCache | None = None, metrics: Metrics | None = None
    ) -> None:
        self._event_log = log
        self._cache = cache if cache is not None else StateCache()
        self._metrics = metrics if metrics is not None else NoMetrics()

    def send(self, envelope: Envelope) -> Outcome:
        """Run one command.

        Raises:
            LedgerError: the command was refused.
        """
        [result] = self.send_all([envelope])
        if isinstance(result, LedgerError):
            raise result
        return result

    def send_all(self, envelopes: Sequence[Envelope]) -> list[Result]:
        """Run a batch, however long its streams are; one result per command, in order."""
        results = self.decide_batch(envelopes)
        return [self._finish(*pair) for pair in zip(envelopes, results, strict=True)]

    def _finish(self, envelope: Envelope, result: Result | Deferred) -> Result:
        for _ in range(DEFERRALS_MAX):
            if not isinstance(result, Deferred):
                return result
            result = self.resolve_deferred(result) or self.decide_batch([envelope])[0]
        if isinstance(result, Deferred):
            return Overloaded(reason="the command needs too many long streams")
        return result

    def resolve_deferred(self, deferred: Deferred) -> Result | None:
        """Read a long stream; the replayed result, or None if the command can be decided now.

        Takes as long as the stream is: not for the writer's thread.
        """
        stream, receipt = deferred.stream_id, deferred.receipt
        try:
            if receipt is not None:
                state = self._cache.load_all(self._event_log, stream, up_to=receipt.version)
                return _first_outcome(receipt, state, replayed=deferred.replayed)
            self._cache.load_all(self._event_log, stream)
        except LogUnavailable as error:
            return Overloaded(reason=str(error.facts["reason"]))
        except Exception:  # noqa: BLE001 - an unreadable stream fails only the commands that need it
            _log.exception("stream %s cannot be read", stream)
            return InternalError()
        return None

    def decide_batch(self, envelopes: Sequence[Envelope]) -> list[Result | Deferred]:
        """Run a batch; reads at most 500 events of each stream."""
        batch = [PendingDecision(envelope) for envelope in envelopes]
        try:
            while unsettled := [pending for pending in batch if pending.result is None]:
                self._run_round(unsettled)
        except LogUnavailable as error:
            self._cache.clear()
            for pending in batch:
                pending.result = pending.result or Overloaded(reason=str(error.facts["reason"]))
        except Exception:  # noqa: BLE001 - a programming error must not end the writer
            _log.exception("a batch of %d commands failed", len(batch))
            self._cache.clear()
            for pending in batch:
                if pending.result is None and len(batch) > 1:  # alone, so that it fails no other
                    [pending.result] = self.decide_batch([pending.envelope])
        return [pending.result or InternalError() for pending in batch]

    def _run_round(self, batch: Sequence[PendingDecision]) -> None:
        """Load, decide in order, append, settle.

        The number of rounds is bounded: each settles the first command, uses up one of its tries or
        discovers one of its streams. Of several commands with one id only the first decides; the
        others wait for its receipt.
        """
        firsts: dict[UUID, PendingDecision] = {}
        for pending in batch:
            firsts.setdefault(pending.envelope.command_id, pending)
        loaded = self._load(batch)
        if loaded.receipts or loaded.too_long:
            for pending in batch:
                self._resolve_from_log(pending, loaded)
        round_ = Round(loaded)
        undecided = [pending for pending in firsts.values() if pending.result is None]
        decided = [pending for pending in undecided if self._decide(pending, round_)]
        self._append([pending for pending in decided if pending.needs_receipt])
        self._settle(decided, round_)
        self._cache.trim()
        if len(firsts) < len(batch):
            for pending in batch:
                _share_refusal(firsts[pending.envelope.command_id], pending)

    def _load(self, batch: Sequence[PendingDecision]) -> LoadedState:
        streams = {stream for pending in batch for stream in pending.streams}
        command_ids = [
            pending.envelope.command_id
            for pending in batch
            if pending.envelope.keyed or pending.tries  # a lost one may have been recorded before
        ]
        return self._cache.load(self._event_log, streams, command_ids)

    def _resolve_from_log(self, pending: PendingDecision, loaded: LoadedState) -> None:
        """Replay a command that has a receipt; defer one that needs a stream that is too long."""
        receipt = loaded.receipts.get(pending.envelope.command_id)
        if receipt is not None:
            pending.result = self._replay(receipt, pending)
        elif loaded.too_long and (long := loaded.too_long.intersection(pending.streams)):
            pending.result = Deferred(min(long))

    def _decide(self, pending: PendingDecision, round_: Round) -> bool:
        """Let a command decide; False if it is not part of this round's append."""
        try:
            pending.decide(Loaded(round_.states, round_.now))
        except StreamNotLoaded as missing:
            pending.discovered += (missing.stream_id,)
            if len(pending.discovered) > DISCOVERED_STREAMS_MAX:
                _log.error("%s needs too many streams", type(pending.envelope.command).__name__)
                pending.result = InternalError()
            return False
        except Exception:  # noqa: BLE001 - one bad command must not fail its batch
            _log.exception("%s failed", type(pending.envelope.command).__name__)
            pending.result = InternalError()
            return False
        return round_.add(pending)

    def _append(self, recording: Sequence[PendingDecision]) -> None:
        """Append decisions and note their verdicts; a command that the log rejects has none."""
        if not recording:
            return
        batch = [pending.append_request() for pending in recording]
        started = time.perf_counter()
        try:
            verdicts: Sequence[Verdict | None] = self._event_log.append(batch)
        except LogRejected:
            verdicts = [self._append_alone(request) for request in batch]
        self._metrics.batch_appended(
            commands=len(batch),
            events=sum(len(request.events) for request in batch),
            seconds=time.perf_counter() - started,
        )
        for pending, verdict in zip(recording, verdicts, strict=True):
            pending.verdict = verdict
            if verdict is None:
                pending.result = InternalError()
        for kind, count in Counter(one.kind for one in verdicts if one is not None).items():
            self._metrics.verdicts_given(kind, count)

    def _append_alone(self, request: AppendRequest) -> Verdict | None:
        try:
            return self._event_log.append([request])[0]
        except LogRejected:
            _log.exception("command %s cannot be stored", request.command_id)
            return None

    def _settle(self, decided: Sequence[PendingDecision], round_: Round) -> None:
        """Turn verdicts into results, in the order of the batch.

        A decision that was not recorded is valid unless it read what a losing predecessor wrote.
        """
        lost: set[UUID] = set()
        for pending in decided:
            if pending.recorded:
                for state in round_.record(pending):
                    self._cache.put(state)
            if pending.recorded or (not pending.needs_receipt and lost.isdisjoint(pending.seen)):
                pending.result = pending.refusal or round_.outcome(pending)
                continue
            for stream in pending.written:
                lost.add(stream)
                self._cache.drop(stream)
            if pending.result is None:
                _retry(pending)

    def _replay(self, receipt: Receipt, pending: PendingDecision) -> Result | Deferred:
        """The first result of a recorded command, from its receipt."""
        if not pending.envelope.is_retry_of(receipt.fingerprint):
            return IdempotencyKeyReused()
        replayed = not pending.was_resent
        if receipt.refusal is not None:
            stored = msgspec.json.decode(receipt.refusal)
            refusal = LedgerError.by_code[stored["code"]](**stored["facts"])
            refusal.replayed = replayed
            return refusal
        if receipt.subject is None:
            return InternalError()
        state = self._cache.at_version(self._event_log, receipt.subject, receipt.version)
        if state is None:
            return Deferred(receipt.subject, receipt, replayed=replayed)
        return _first_outcome(receipt, state, replayed=replayed)


def _first_outcome(receipt: Receipt, state: StreamState, *, replayed: bool) -> Outcome:
    position = receipt.last_position or state.position
    return Outcome(state.aggregate, position, receipt.recorded_at, replayed)


def _retry(pending: PendingDecision) -> None:
    """Leave a command that lost to the next round, unless it has used up its tries."""
    pending.tries += 1
    if pending.verdict is not None and pending.verdict.kind is VerdictKind.DOUBT:
        pending.result = Overloaded(reason="the database clock is in doubt")
    elif pending.tries >= TRIES_MAX:
        pending.result = Overloaded(reason="too many concurrent writes to the same stream")


def _share_refusal(first: PendingDecision, duplicate: PendingDecision) -> None:
    """Refuse a duplicate in the batch as its first was, if no receipt keeps that refusal."""
    refusal = first.result
    same = duplicate.envelope.fingerprint == first.envelope.fingerprint
    if duplicate.result is None and same and isinstance(refusal, LedgerError) and not refusal.kept:
        duplicate.result = refusal
