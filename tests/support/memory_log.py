"""An event log in memory with a clock that the test sets.

Several simulated processes can share one: each passes its own clock guard to the `*_as` methods.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from uuid_utils.compat import uuid7

from application.clock_guard import ClockGuard, ClockReading, ClockState
from application.consumer import LogCorrupt, Page
from application.errors import LogRejected
from application.event_log import (
    LOAD_EVENTS_MAX,
    PAGE_EVENTS_MAX,
    STREAM_EVENTS_MAX,
    VERSION_MAX,
    AppendRequest,
    Event,
    LoadResult,
    Receipt,
    Recorded,
    Verdict,
    VerdictKind,
)
from domain.clock import Clock
from infrastructure.event_store import registry
from infrastructure.event_store.mapper import LedgerMapper, schema_version

START = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryLog:
    """An `application.event_log.EventLog` for tests and simulations."""

    def __init__(
        self,
        new_id: Callable[[], UUID] = uuid7,
        *,
        live: bool = False,
        guard: ClockGuard | None = None,
    ) -> None:
        self._new_id = new_id
        self.live = live
        self.guard = guard if guard is not None else ClockGuard()
        self.clock = START
        self.offset = timedelta(0)
        self.advanced_seconds = 0
        self.events: list[Recorded] = []
        self.receipts: dict[UUID, Receipt] = {}
        self._streams: dict[UUID, list[Recorded]] = {}
        self._mapper = LedgerMapper()
        self._lock = Lock()

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.clock += timedelta(seconds=seconds)

    def server_now(self) -> datetime:
        """The server's own clock."""
        return self.clock

    def now(self) -> datetime:
        """See `EventLog`."""
        return self.clock_state().now

    def clock_state(self) -> ClockState:
        """See `EventLog`."""
        return self.state_as(self.guard)

    def state_as(self, guard: ClockGuard) -> ClockState:
        """`clock_state` as a process with this guard sees it."""
        return guard.judge(self._reading(self.offset), guard.elapsed())

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        """See `EventLog`."""
        return self.load_as(self.guard, streams, receipts)

    def load_as(
        self, guard: ClockGuard, streams: Mapping[UUID, int], receipts: Sequence[UUID]
    ) -> LoadResult:
        """`load` as a process with this guard."""
        with self._lock:
            events = [
                recorded
                for stream, after in streams.items()
                for recorded in self._streams.get(stream, [])[after : after + LOAD_EVENTS_MAX + 1]
            ]
            known = {c: self.receipts[c] for c in receipts if c in self.receipts}
            return LoadResult(events, known, self.state_as(guard).now)

    def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        """See `EventLog`."""
        return self.append_as(self.guard, batch)

    def append_as(self, guard: ClockGuard, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        """`append` as a process with this guard."""
        with self._lock:
            offset, accepting, advanced = self.offset, False, 0
            for event in (event for request in batch for event in request.events):
                if isinstance(event, Clock.Accepted):
                    offset, accepting = timedelta(microseconds=event.offset_microseconds), True
                elif isinstance(event, Clock.Advanced):
                    if len(batch) > 1 or self.live or event.seconds <= 0:
                        raise LogRejected(reason="the clock is not advanced by this")
                    advanced = event.seconds
            reading = self._reading(offset)
            now = max(reading.clock, reading.last or reading.clock) + timedelta(seconds=advanced)
            doubt = self._in_doubt(guard, reading, accepting=accepting)
            lost_streams: set[UUID] = set()
            verdicts = []
            for request in batch:
                verdict = self._judge(request, now, lost_streams)
                if doubt:
                    known = request.command_id in self.receipts
                    verdicts.append(
                        verdict if known else Verdict(VerdictKind.DOUBT, None, None, now)
                    )
                    continue
                if verdict.kind is VerdictKind.RECORDED:
                    verdict = self._record(request, now)
                    self.offset = offset
                    self.advanced_seconds += advanced
                    guard.accept(now, guard.elapsed())
                else:
                    lost_streams |= {event.originator_id for event in request.events}
                verdicts.append(verdict)
            return verdicts

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """See `EventLog`."""
        return self.events[after : after + min(limit, PAGE_EVENTS_MAX)]

    def page(self, after: int, limit: int, topics: Collection[str]) -> Page:
        """See `PagedLog`."""
        found = self.read(after, limit)
        last = found[-1].position if found else after
        if last - after != len(found):
            msg = f"{len(found)} of the positions {after + 1} to {last} exist"
            raise LogCorrupt(msg)
        unknown = [recorded.topic for recorded in found if recorded.topic not in registry.EVENTS]
        return Page(after, last, Page(after, last, found).of(topics), unknown)

    def stream(
        self, stream_id: UUID, *, after: int = 0, up_to: int = VERSION_MAX
    ) -> Sequence[Recorded]:
        """See `EventLog`."""
        return self._streams.get(stream_id, [])[after : min(up_to, after + STREAM_EVENTS_MAX)]

    def head(self) -> int:
        """See `EventLog`."""
        return len(self.events)

    def _reading(self, offset: timedelta) -> ClockReading:
        last = self.events[-1].recorded_at if self.events else None
        clock = self.server_now() + offset + timedelta(seconds=self.advanced_seconds)
        return ClockReading(clock, last, self.live, self.advanced_seconds, offset)

    def _in_doubt(self, guard: ClockGuard, reading: ClockReading, *, accepting: bool) -> bool:
        """Whether the clock is in doubt, by the rule of `ledger.append`."""
        if reading.last is None:
            behind = False
            ahead = True
        else:
            behind = reading.clock < reading.last - timedelta(seconds=guard.behind_seconds)
            ahead = reading.clock > reading.last + timedelta(seconds=guard.ahead_seconds)
        witness = guard.witness()
        plausible = witness is None or (
            reading.clock <= witness + timedelta(seconds=guard.ahead_seconds)
        )
        return behind or (ahead and not plausible and self.live and not accepting)

    def _decode(self, recorded: Recorded) -> Event:
        stored = StoredEvent(recorded.stream_id, recorded.version, recorded.topic, recorded.state)
        return self._mapper.to_domain_event(stored)

    def _judge(self, request: AppendRequest, now: datetime, lost_streams: set[UUID]) -> Verdict:
        known = self.receipts.get(request.command_id)
        if known is not None:
            same = known.fingerprint == request.fingerprint
            kind = VerdictKind.DUPLICATE if same else VerdictKind.REUSED
            return Verdict(kind, known.first_position, known.last_position, known.recorded_at)
        if request.deadline is not None and request.deadline <= now:
            return Verdict(VerdictKind.LATE, None, None, now)
        if request.not_before is not None and request.not_before > now:
            return Verdict(VerdictKind.EARLY, None, None, now)
        versions: dict[UUID, int] = {}
        for event in request.events:
            stream = event.originator_id
            version = versions.get(stream, len(self._streams.get(stream, [])))
            if stream in lost_streams or event.originator_version != version + 1:
                return Verdict(VerdictKind.CONFLICT, None, None, now)
            versions[stream] = version + 1
        return Verdict(VerdictKind.RECORDED, None, None, now)

    def _record(self, request: AppendRequest, now: datetime) -> Verdict:
        first = len(self.events) + 1 if request.events else None
        for event in request.events:
            stored = self._mapper.to_stored_event(event)
            recorded = Recorded(
                position=len(self.events) + 1,
                stream_id=event.originator_id,
                version=event.originator_version,
                topic=stored.topic,
                state=stored.state,
                recorded_at=now,
                event_id=self._new_id(),
                command_id=request.command_id,
                actor=request.actor,
                trace_id=request.trace_id,
                schema_version=schema_version(type(event)),
                decode=self._decode,
            )
            self.events.append(recorded)
            self._streams.setdefault(event.originator_id, []).append(recorded)
        last = len(self.events) if request.events else None
        receipt = Receipt(
            request.command_id,
            request.fingerprint,
            first,
            last,
            now,
            request.subject,
            request.version,
            request.refusal,
        )
        self.receipts[request.command_id] = receipt
        return Verdict(VerdictKind.RECORDED, first, last, now)
