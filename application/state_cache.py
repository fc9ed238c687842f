"""A bounded cache of recorded states, so that a long stream costs no more than a short one.

There are two ways to load a state. `load` and `at_version` read at most 500 events of a stream,
after the cached state or the nearest snapshot; decisions use only these. `load_all` reads a stream
of any length page by page and offers snapshots on the way; only its own caller waits for it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from application import snapshots
from application.command import StreamState, copy_for_decision
from application.event_log import (
    LOAD_EVENTS_MAX,
    STREAM_EVENTS_MAX,
    VERSION_MAX,
    EventLog,
    Receipt,
    Recorded,
    fold,
)
from application.ports.snapshots import NoSnapshots, Snapshots

STATES_MAX: Final = 20_000
"""About 2 KB each."""


EMPTY: Final = StreamState(None, 0)


@dataclass(frozen=True, slots=True)
class LoadedState:
    """What `StateCache.load` returns: streams, receipts and the log's time, at one instant."""

    states: dict[UUID, StreamState]
    receipts: Mapping[UUID, Receipt]
    now: datetime
    too_long: frozenset[UUID] = frozenset()
    """Streams with more than 500 events to read; they are not in `states`. See `load_all`."""


class StateCache:
    """The last known recorded state of each stream.

    It holds only recorded states, and every load reads the events after the cached version: a stale
    state costs a longer read and never a wrong decision. Thread-safe: a load takes each state out
    once, and cached states are never changed.
    """

    def __init__(
        self, states_max: int = STATES_MAX, *, snapshot_store: Snapshots | None = None
    ) -> None:
        self._states_max = states_max
        self._snapshots = snapshot_store if snapshot_store is not None else NoSnapshots()
        self._states: OrderedDict[UUID, StreamState] = OrderedDict()

    def load(
        self, log: EventLog, streams: Iterable[UUID], receipts: Sequence[UUID] = ()
    ) -> LoadedState:
        """The current state of the streams, and the receipts with these command ids.

        Reads at most 500 events of each stream, after its cached state or nearest snapshot.

        Raises:
            LogUnavailable: nothing could be read.
        """
        states = {stream: self._states.get(stream, EMPTY) for stream in streams}
        versions = {stream: state.version for stream, state in states.items()}
        loaded = log.load(versions, receipts)
        fresh = _by_stream(loaded.events)
        too_long = _too_long(fresh)
        if too_long:
            for stream in too_long:
                states[stream] = self._nearest(stream, states[stream], VERSION_MAX)
            after = {stream: states[stream].version for stream in too_long}
            loaded = log.load(after, receipts)  # again: receipts must not be older than states
            fresh |= {stream: [] for stream in too_long} | _by_stream(loaded.events)
            too_long = _too_long(fresh)
        for stream, events in fresh.items():
            if stream in too_long:
                del states[stream]
            elif events:
                states[stream] = self._fold(states[stream], events)
                self._keep(states[stream])
        return LoadedState(states, loaded.receipts, loaded.now, too_long)

    def at_version(self, log: EventLog, stream_id: UUID, version: int) -> StreamState | None:
        """The state of a stream at a version; None if that requires more than 500 events.

        Raises:
            LogUnavailable: nothing could be read.
        """
        start = self._start_of(stream_id, version, after=version - LOAD_EVENTS_MAX - 1)
        if version - start.version > LOAD_EVENTS_MAX:
            return None
        return self._read_on(log, stream_id, start, version)

    def load_all(self, log: EventLog, stream_id: UUID, *, up_to: int = VERSION_MAX) -> StreamState:
        """The state of a stream of any length; offers snapshots on the way. Not for decisions.

        Raises:
            LogUnavailable: nothing could be read.
        """
        state = self._read_on(log, stream_id, self._start_of(stream_id, up_to), up_to)
        if up_to == VERSION_MAX:
            self._keep(state)
        return state

    def _start_of(self, stream_id: UUID, version: int, *, after: int = 0) -> StreamState:
        """The nearest cached state or snapshot up to a version; ignores snapshots up to `after`."""
        cached = self._states.get(stream_id, EMPTY)
        if cached.version == version:
            return cached
        usable = cached if cached.version < version else EMPTY
        return self._nearest(stream_id, usable, version, after=after)

    def _nearest(
        self, stream_id: UUID, cached: StreamState, up_to: int, *, after: int = 0
    ) -> StreamState:
        """The newest snapshot up to a version, unless the cached state is newer."""
        after = max(after, cached.version)
        snapshot = self._snapshots.latest(stream_id, snapshots.SHAPES, up_to, after=after)
        return (snapshots.restore(snapshot) if snapshot else None) or cached

    def _read_on(
        self, log: EventLog, stream_id: UUID, state: StreamState, up_to: int
    ) -> StreamState:
        while state.version < up_to:
            page = log.stream(stream_id, after=state.version, up_to=up_to)
            state = self._fold(state, page)
            if len(page) < STREAM_EVENTS_MAX:
                break
        return state

    def _fold(self, state: StreamState, events: Sequence[Recorded]) -> StreamState:
        """The state after more events, with snapshots offered; does not change the given state."""
        for start in range(0, len(events), snapshots.EVERY_EVENTS):
            part = events[start : start + snapshots.EVERY_EVENTS]
            aggregate: Any = None if state.aggregate is None else copy_for_decision(state.aggregate)
            before, state = state, StreamState(fold(part, aggregate), part[-1].position)
            self._offer(before.version, state)
        return state

    def put(self, state: StreamState) -> None:
        """Cache a recorded state, which must never change afterwards."""
        before = self._keep(state)
        if state.version >= snapshots.EVERY_EVENTS:
            self._offer(before.version, state)

    def _keep(self, state: StreamState) -> StreamState:
        """Cache a state as the most recent; returns the one that it replaces."""
        before: StreamState = EMPTY
        if state.aggregate is not None:
            before = self._states.pop(state.aggregate.id, EMPTY)
            self._states[state.aggregate.id] = state
        return before

    def _offer(self, before: int, state: StreamState) -> None:
        if snapshots.is_due(before, state.version):
            snapshot = snapshots.take(state)
            if snapshot is not None:
                self._snapshots.offer(snapshot)

    def trim(self) -> None:
        """Remove the least recently written states beyond the limit."""
        while len(self._states) > self._states_max:
            self._states.popitem(last=False)

    def drop(self, stream_id: UUID) -> None:
        """Remove the state of a stream, if it may not be what the log has."""
        self._states.pop(stream_id, None)

    def clear(self) -> None:
        """Remove all states."""
        self._states.clear()


def _by_stream(events: Sequence[Recorded]) -> dict[UUID, list[Recorded]]:
    streams: dict[UUID, list[Recorded]] = {}
    for recorded in events:
        streams.setdefault(recorded.stream_id, []).append(recorded)
    return streams


def _too_long(events: Mapping[UUID, Sequence[Recorded]]) -> frozenset[UUID]:
    return frozenset(stream for stream, page in events.items() if len(page) > LOAD_EVENTS_MAX)
