"""A bounded cache of aggregates as the log has them, so that a long history costs no more."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from application.command import Entry, branch
from application.event_log import EventLog, Receipt

STATES_MAX: Final = 20_000
"""About 2 KB each."""


NOTHING: Final = Entry(None, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """Answer to `StateCache.load`: how streams and receipts stand, at one instant."""

    entries: dict[UUID, Entry]
    receipts: Mapping[UUID, Receipt]
    now: datetime


class StateCache:
    """The last committed state of each stream.

    Only what the log has confirmed goes in, and every use loads the events after the cached
    version, so a stale entry costs a longer read and never a wrong decision. Threads may share
    one: an entry is taken once and never changed, whatever happens to the cache meanwhile.
    """

    def __init__(self, states_max: int = STATES_MAX) -> None:
        self._states_max = states_max
        self._entries: OrderedDict[UUID, Entry] = OrderedDict()

    def load(
        self, log: EventLog, streams: Iterable[UUID], receipts: Sequence[UUID] = ()
    ) -> Standing:
        """The streams as the log has them now, with the receipts asked for.

        Raises:
            LogUnavailable: nothing could be read.
        """
        entries = {stream: self._entries.get(stream, NOTHING) for stream in streams}
        wanted = {stream: entry.version for stream, entry in entries.items()}
        loading = log.load(wanted, receipts)
        fresh: dict[UUID, Any] = {}
        for recorded in loading.events:
            stream = recorded.stream_id
            before = fresh.get(stream)
            if before is None and (cached := entries[stream].state) is not None:
                before = branch(cached)
            fresh[stream] = recorded.event.mutate(before)
            entries[stream] = Entry(fresh[stream], recorded.position)
        for stream in fresh:
            self.put(entries[stream])
        return Standing(entries, loading.receipts, loading.now)

    def put(self, entry: Entry) -> None:
        """Keep a state that the log has confirmed; never change it afterwards."""
        if entry.state is not None:
            self._entries.pop(entry.state.id, None)
            self._entries[entry.state.id] = entry

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
