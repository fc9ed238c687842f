"""A sealed log in memory: sealed whenever a test says so."""

from __future__ import annotations

from collections.abc import Sequence

from application.event_log import Recorded
from application.ports.sealing import Published
from application.sealing.errors import TileMissing
from application.sealing.growing_tree import FullTile, GrowingTree
from domain.audit import leaf as leaves
from domain.audit.leaf import Leaf
from domain.audit.merkle import hash_leaf
from domain.audit.note import Checkpoint
from tests.support.memory_log import MemoryLog
from tests.support.sealing import KEY, ORIGIN


def to_leaf(recorded: Recorded) -> Leaf:
    """The leaf of an event."""
    return Leaf(
        recorded.position,
        recorded.stream_id.bytes,
        recorded.version,
        leaves.microseconds(recorded.recorded_at),
        recorded.event_id.bytes,
        recorded.command_id.bytes,
        recorded.schema_version,
        recorded.actor,
        recorded.topic,
        recorded.state,
    )


class MemorySealedLog:
    """`SealedLogReader` on a log in memory."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._tree = GrowingTree()
        self._tiles: dict[tuple[int, int], FullTile] = {}
        self._newest: Published | None = None

    def seal(self) -> Checkpoint:
        """Seal every event, and publish the head."""
        for leaf in self.leaves(self._tree.size, len(self._log.events)):
            self._tree.append(hash_leaf(leaves.encode(leaf)))
        self._tiles |= {(tile.level, tile.index): tile for tile in self._tree.take_tiles()}
        head = Checkpoint(ORIGIN, self._tree.size, self._tree.root())
        self._newest = Published(head, head.note(KEY).encode().decode())
        return head

    @property
    def events(self) -> Sequence[Recorded]:
        """The events, sealed or not."""
        return self._log.events

    def newest(self) -> Published | None:
        return self._newest

    def tile(self, level: int, index: int) -> bytes:
        if (level, index) not in self._tiles:
            raise TileMissing(level, index)
        return self._tiles[level, index].hashes

    def roots(self, level: int, first: int, count: int) -> Sequence[bytes]:
        return [self._tiles[level, index].root for index in range(first, first + count)]

    def leaves(self, after: int, limit: int) -> Sequence[Leaf]:
        return [to_leaf(recorded) for recorded in self._log.events[after : after + limit]]
