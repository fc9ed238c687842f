"""A bounded cache of aggregates as the log has them, so that a long history costs no more."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import branch
from application.event_log import Recorded

STATES_MAX: Final = 20_000
"""About 2 KB each."""


class StateCache:
    """The last committed state of each stream, and the position of its last event.

    Only what the log has confirmed goes in; every use first loads the events after the cached
    version, so a stale entry costs a longer read and never a wrong decision.
    """

    def __init__(self, states_max: int = STATES_MAX) -> None:
        self._states_max = states_max
        self._entries: OrderedDict[UUID, tuple[Aggregate, int]] = OrderedDict()

    def version(self, stream_id: UUID) -> int:
        """The version the cache knows, 0 if none; asking keeps the entry young."""
        entry = self._entries.get(stream_id)
        if entry is None:
            return 0
        self._entries.move_to_end(stream_id)
        return entry[0].version

    def state(self, stream_id: UUID) -> Aggregate | None:
        """The state; never change it, `branch` it."""
        entry = self._entries.get(stream_id)
        return entry[0] if entry else None

    def position(self, stream_id: UUID) -> int:
        """The position of the stream's last event, 0 if it is not known."""
        entry = self._entries.get(stream_id)
        return entry[1] if entry else 0

    def take_in(self, recorded: Recorded) -> None:
        """Apply an event to a copy of the state it follows; one that does not follow is left out.

        An entry may have been let go since its version was asked for, by another thread.
        """
        entry = self._entries.get(recorded.stream_id)
        if recorded.version == (entry[0].version if entry else 0) + 1:
            before: Any = branch(entry[0]) if entry else None
            after: Any = recorded.event.mutate(before)
            self.put(after, recorded.position)

    def put(self, state: Aggregate, position: int) -> None:
        """Keep a state that the log has confirmed; never change it afterwards."""
        self._entries[state.id] = (state, position)
        self._entries.move_to_end(state.id)

    def trim(self) -> None:
        """Let the oldest entries go; call it between batches, never within one."""
        while len(self._entries) > self._states_max:
            self._entries.popitem(last=False)

    def drop(self, stream_id: UUID) -> None:
        """Forget a stream whose state is in doubt."""
        self._entries.pop(stream_id, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
