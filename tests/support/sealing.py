"""A sealer on a log in memory, whose ports can be killed between any two of their calls."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from application.ports.sealing import Published
from application.sealing.errors import TileDiffers, TileMissing
from application.sealing.growing_tree import FullTile
from application.sealing.sealer import PAGE_EVENTS, Endorse, Sealer, without_witnesses
from domain.audit import leaf as leaves
from domain.audit.leaf import Leaf
from domain.audit.merkle import hash_leaf, root_of
from domain.audit.note import Checkpoint, parse, parse_checkpoint
from domain.audit.vkey import KeyType, SigningKey

ORIGIN = "pay.example/test/01890a5d-ac96-774b-bcce-b302099a8057"
KEY = SigningKey.of(ORIGIN, KeyType.NOTE, bytes(32))


class Killed(BaseException):
    """The process is gone: nothing catches it."""


def make_leaf(position: int, *, state: bytes = b"{}", topic: str = "wallet.opened") -> Leaf:
    """An event of a stream of its own."""
    stream = UUID(int=position).bytes
    return Leaf(position, stream, 1, position, stream, stream, 1, "key_1", topic, state)


def make_leaves(count: int, after: int = 0) -> list[Leaf]:
    """The next events of a log."""
    return [make_leaf(position) for position in range(after + 1, after + count + 1)]


def root_at(log: Sequence[Leaf], size: int) -> bytes:
    """The root that the log has at a size, computed leaf by leaf."""
    return root_of(hash_leaf(leaves.encode(leaf)) for leaf in log[:size])


@dataclass
class World:
    """What outlives a sealer: the database and the disk of the notes."""

    log: list[Leaf] = field(default_factory=list)
    tiles: dict[tuple[int, int], FullTile] = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)
    durable: list[str] = field(default_factory=list)
    """Notes that survive a loss of power."""
    written: list[str] = field(default_factory=list)
    """Notes that survive the end of the process only."""
    ever_signed: dict[int, set[bytes]] = field(default_factory=dict)
    calls: int = 0
    kill_at: int = 0
    """The call at which the process dies; 0 for never."""

    endorse: Endorse = without_witnesses

    def is_durable(self, note: str) -> bool:
        """Whether its checkpoint is in the notes; cosignatures are not."""
        texts = {parse(one.encode()).text for one in self.durable}
        return parse(note.encode()).text in texts

    def step(self) -> None:
        """One call of a port begins or ends here."""
        self.calls += 1
        if self.calls == self.kill_at:
            raise Killed

    def lose_power(self) -> None:
        """What was not on the disk is gone."""
        self.written = list(self.durable)

    def sealer(self) -> Sealer:
        """A new process."""
        return Sealer(_Store(self), _Notes(self), self._sign, origin=ORIGIN, endorse=self.endorse)

    def _sign(self, head: Checkpoint) -> Any:
        self.ever_signed.setdefault(head.size, set()).add(head.root)
        return head.note(KEY)

    def seal(self, *, kill_at: int = 0) -> Sealer | None:
        """Run a process until it has sealed everything, or until it is killed."""
        self.calls, self.kill_at = 0, kill_at
        sealer = self.sealer()
        try:
            sealer.open()
            while True:
                count = sealer.read()
                if sealer.has_news:
                    sealer.seal()
                if count < PAGE_EVENTS:
                    return sealer
        except Killed:
            return None
        finally:
            self.kill_at = 0

    def check(self) -> None:
        """What must hold whenever the process has ended."""
        assert all(len(roots) == 1 for roots in self.ever_signed.values())
        assert len({one.checkpoint.size for one in self.published}) == len(
            {(one.checkpoint.size, one.checkpoint.root) for one in self.published}
        )
        for one in self.published:
            size = one.checkpoint.size
            assert self.is_durable(one.note)
            assert parse_checkpoint(parse(one.note.encode()).text) == one.checkpoint
            assert one.checkpoint.root == root_at(self.log, size)
            for level in range(3):
                for index in range(size >> 8 * (level + 1)):
                    assert len(self.tiles[level, index].hashes) == 8192


class _Store:
    """`SealStore` in memory; each call is two steps, so that a kill hits before and after it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _call(self, act: Callable[[], Any]) -> Any:
        self._world.step()
        result = act()
        self._world.step()
        return result

    def head(self) -> int:
        return int(self._call(lambda: len(self._world.log)))

    def leaves(self, after: int, limit: int) -> list[Leaf]:
        found = [leaf for leaf in self._world.log if leaf.position > after][:limit]
        return list(self._call(lambda: found))

    def add_tiles(self, tiles: Sequence[FullTile]) -> None:
        def add() -> None:
            for tile in tiles:
                known = self._world.tiles.setdefault((tile.level, tile.index), tile)
                if known != tile:
                    raise TileDiffers(tile.level, tile.index)

        self._call(add)

    def tile(self, level: int, index: int) -> bytes:
        found = self._world.tiles.get((level, index))
        if found is None:
            raise TileMissing(level, index)
        return bytes(self._call(lambda: found.hashes))

    def newest(self, origin: str) -> Published | None:
        found = [one for one in self._world.published if one.checkpoint.origin == origin]
        return self._call(lambda: found[-1] if found else None)  # type: ignore[no-any-return]

    def publish(self, checkpoint: Checkpoint, note: str) -> None:
        assert self._world.is_durable(note), "published before it was on the disk"
        self._call(lambda: self._world.published.append(Published(checkpoint, note)))


class _Notes:
    """`Notes` in memory: a note is written, then it is on the disk."""

    def __init__(self, world: World) -> None:
        self._world = world

    def last(self) -> str | None:
        self._world.step()
        return self._world.written[-1] if self._world.written else None

    def append(self, note: str) -> None:
        self._world.step()
        self._world.written.append(note)
        self._world.step()
        self._world.durable = list(self._world.written)
        self._world.step()


def vector_leaf() -> bytes:
    """The leaf of the contract's vector, packed by hand."""
    zero = bytes(16)
    return (
        struct.pack(">BQ", 1, 1) + zero + struct.pack(">QQ", 1, 0) + zero + zero
        + struct.pack(">H", 1) + struct.pack(">H", 1) + b"a" + struct.pack(">H", 1) + b"t"
        + struct.pack(">I", 2) + b"{}"
    )  # fmt: skip
