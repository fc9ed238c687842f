"""The Merkle tree of the log as it grows: its last tiles, and the full ones that it has made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.audit.merkle import Frontier
from domain.audit.tiles import LEVEL_MAX, TILE_HEIGHT, TILE_WIDTH, tile_root

LEVELS: Final = LEVEL_MAX + 1

TileRoots = Callable[[int, int, int], Sequence[bytes]]
"""`roots(level, first, count)`: the roots of full tiles that are stored."""


@dataclass(frozen=True, slots=True)
class FullTile:
    """A tile that will never change."""

    level: int
    index: int
    hashes: bytes
    root: bytes


class GrowingTree:
    """Keeps less than a tile of hashes per level; what is full is taken out and stored."""

    def __init__(self) -> None:
        self.size = 0
        self._rows: list[list[bytes]] = [[] for _ in range(LEVELS)]
        """By level: the hashes of the tile that is not full."""
        self._full: list[FullTile] = []

    @classmethod
    def resume(cls, size: int, last_leaves: Sequence[bytes], roots: TileRoots) -> GrowingTree:
        """The tree of a size, of its stored tiles and of the leaves after the last full one.

        Args:
            size: how many leaves it has.
            last_leaves: the hashes of its last `size % 256` leaves.
            roots: reads the stored tiles.
        """
        tree = cls()
        tree.size = size
        tree._rows[0] = list(last_leaves)
        for level in range(1, LEVELS):
            hashes = size >> TILE_HEIGHT * level
            width = hashes % TILE_WIDTH
            tree._rows[level] = list(roots(level - 1, hashes - width, width)) if width else []
        return tree

    def append(self, leaf_hash: bytes) -> None:
        """Add the hash of the next leaf."""
        self.size += 1
        merged = leaf_hash
        for level, row in enumerate(self._rows):
            row.append(merged)
            if len(row) < TILE_WIDTH:
                return
            merged = tile_root(row)
            index = (self.size >> TILE_HEIGHT * (level + 1)) - 1
            self._full.append(FullTile(level, index, b"".join(row), merged))
            row.clear()

    def take_tiles(self) -> list[FullTile]:
        """The tiles that have become full since the last call, in the order of their levels."""
        full, self._full = self._full, []
        return full

    def partial(self, level: int) -> bytes:
        """The last tile of a level, as far as it goes; empty if the last one is full."""
        return b"".join(self._rows[level])

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        peaks: list[bytes] = []
        for row in reversed(self._rows):
            start = 0
            for bit in reversed(range(TILE_HEIGHT)):
                if len(row) >> bit & 1:
                    peaks.append(tile_root(row[start : start + (1 << bit)]))
                    start += 1 << bit
        return Frontier(self.size, peaks).root()
