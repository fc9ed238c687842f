"""A bounded cache of aggregates as the log has them, so that a long history costs no more.

Two ways lead to a state. The bounded one reads at most 500 events of a stream, after the cached
state or the nearest snapshot; it is the only one a writer's lane may take. A stream that needs more
is *unfolded*: read page by page, by a thread whose caller alone waits, with snapshots left behind.
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
    """Answer to `StateCache.load`: how streams and receipts stand, at one instant."""

    states: dict[UUID, StreamState]
    receipts: Mapping[UUID, Receipt]
    now: datetime
    too_long: frozenset[UUID] = frozenset()
    """Streams that have more than 500 events to read; they have no entry. See `load_all`."""


class StateCache:
    """The last committed state of each stream.

    Only what the log has confirmed goes in, and every use loads the events after the cached
    version, so a stale entry costs a longer read and never a wrong decision. Threads may share
    one: an entry is taken once and never changed, whatever happens to the cache meanwhile.
    """

    def __init__(
        self, states_max: int = STATES_MAX, *, snapshot_store: Snapshots | None = None
    ) -> None:
        self._states_max = states_max
        self._snapshots = snapshot_store if snapshot_store is not None else NoSnapshots()
        self._entries: OrderedDict[UUID, StreamState] = OrderedDict()

    def load(
        self, log: EventLog, streams: Iterable[UUID], receipts: Sequence[UUID] = ()
    ) -> LoadedState:
        """The streams as the log has them now, with the receipts asked for.

        Reads at most 500 events of each stream, after its cached state or nearest snapshot.

        Raises:
            LogUnavailable: nothing could be read.
        """
        states = {stream: self._entries.get(stream, EMPTY) for stream in streams}
        wanted = {stream: state.version for stream, state in states.items()}
        loading = log.load(wanted, receipts)
        fresh = _by_stream(loading.events)
        too_long = _too_long(fresh)
        if too_long:
            for stream in too_long:
                states[stream] = self._nearest(stream, states[stream], VERSION_MAX)
            after = {stream: states[stream].version for stream in too_long}
            loading = log.load(after, receipts)  # receipts again: never older than the states
            fresh |= {stream: [] for stream in too_long} | _by_stream(loading.events)
            too_long = _too_long(fresh)
        for stream, events in fresh.items():
            if stream in too_long:
                del states[stream]
            elif events:
                states[stream] = self._fold(states[stream], events)
                self._keep(states[stream])
        return LoadedState(states, loading.receipts, loading.now, too_long)

    def at_version(self, log: EventLog, stream_id: UUID, version: int) -> StreamState | None:
        """A stream as it stood at a version; None if that takes more than 500 events.

        Raises:
            LogUnavailable: nothing could be read.
        """
        start = self._start_of(stream_id, version, after=version - LOAD_EVENTS_MAX - 1)
        if version - start.version > LOAD_EVENTS_MAX:
            return None
        return self._read_on(log, stream_id, start, version)

    def load_all(self, log: EventLog, stream_id: UUID, *, up_to: int = VERSION_MAX) -> StreamState:
        """A stream's state however long it is, with snapshots left on the way; not for a lane.

        Raises:
            LogUnavailable: nothing could be read.
        """
        entry = self._read_on(log, stream_id, self._start_of(stream_id, up_to), up_to)
        if up_to == VERSION_MAX:
            self._keep(entry)
        return entry

    def _start_of(self, stream_id: UUID, version: int, *, after: int = 0) -> StreamState:
        """The nearest known state at or before a version; a snapshot only if it is `after` one."""
        cached = self._entries.get(stream_id, EMPTY)
        if cached.version == version:
            return cached
        usable = cached if cached.version < version else EMPTY
        return self._nearest(stream_id, usable, version, after=after)

    def _nearest(
        self, stream_id: UUID, cached: StreamState, up_to: int, *, after: int = 0
    ) -> StreamState:
        """The nearest snapshot up to a version, unless the cached state is nearer."""
        after = max(after, cached.version)
        snapshot = self._snapshots.latest(stream_id, snapshots.SHAPES, up_to, after=after)
        return (snapshots.restore(snapshot) if snapshot else None) or cached

    def _read_on(
        self, log: EventLog, stream_id: UUID, entry: StreamState, up_to: int
    ) -> StreamState:
        while entry.version < up_to:
            page = log.stream(stream_id, after=entry.version, up_to=up_to)
            entry = self._fold(entry, page)
            if len(page) < STREAM_EVENTS_MAX:
                break
        return entry

    def _fold(self, entry: StreamState, events: Sequence[Recorded]) -> StreamState:
        """The state after more events, snapshots offered; the one before is left as it is."""
        for start in range(0, len(events), snapshots.EVERY_EVENTS):
            part = events[start : start + snapshots.EVERY_EVENTS]
            state: Any = None if entry.state is None else copy_for_decision(entry.state)
            before, entry = entry, StreamState(fold(part, state), part[-1].position)
            self._offer(before.version, entry)
        return entry

    def put(self, entry: StreamState) -> None:
        """Keep a state that the log has confirmed; never change it afterwards."""
        before = self._keep(entry)
        if entry.version >= snapshots.EVERY_EVENTS:
            self._offer(before.version, entry)

    def _keep(self, entry: StreamState) -> StreamState:
        """Keep a state as the newest; what was there before."""
        before: StreamState = EMPTY
        if entry.state is not None:
            before = self._entries.pop(entry.state.id, EMPTY)
            self._entries[entry.state.id] = entry
        return before

    def _offer(self, before: int, entry: StreamState) -> None:
        if snapshots.is_due(before, entry.version):
            snapshot = snapshots.take(entry)
            if snapshot is not None:
                self._snapshots.offer(snapshot)

    def trim(self) -> None:
        """Let the entries go that were not written for longest."""
        while len(self._entries) > self._states_max:
            self._entries.popitem(last=False)

    def drop(self, stream_id: UUID) -> None:
        """Forget a stream whose state is in doubt."""
        self._entries.pop(stream_id, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


def _by_stream(events: Sequence[Recorded]) -> dict[UUID, list[Recorded]]:
    found: dict[UUID, list[Recorded]] = {}
    for recorded in events:
        found.setdefault(recorded.stream_id, []).append(recorded)
    return found


def _too_long(events: Mapping[UUID, Sequence[Recorded]]) -> frozenset[UUID]:
    return frozenset(stream for stream, some in events.items() if len(some) > LOAD_EVENTS_MAX)
