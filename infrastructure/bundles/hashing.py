"""The hashes of a bundle: every leaf against its tile, and the roots of any size."""

from __future__ import annotations

from collections.abc import Iterator

from domain.audit.errors import EvidenceError, MalformedTile
from domain.audit.merkle import HASH_BYTES, Frontier, Nodes, hash_leaf, nodes_of, root_at
from domain.audit.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, split_tile, tile_root, tiles_of
from infrastructure.bundles.events import first_of, read_leaves
from infrastructure.bundles.findings import Findings
from infrastructure.bundles.tar_file import TarReader


class HashedBundle:
    """Reads the leaves of a bundle, and computes the tree from them."""

    def __init__(self, tar: TarReader, size: int, findings: Findings) -> None:
        self._tar, self._size, self._findings = tar, size, findings
        self._roots: list[bytes] = []
        self._damaged = False
        self.is_malformed = False
        """Whether a bundle of entries does not have its leaves."""

    def leaves(self) -> Iterator[tuple[int, list[bytes]]]:
        """The leaves of every bundle with the position of the first; checks their hashes.

        A bundle that does not have the leaves that its width demands is reported and left out.

        Raises:
            EvidenceError: a member is missing.
        """
        for tile in tiles_of(None, self._size):
            stated = self._tar.read(Tile(0, tile.index, tile.width).path)
            try:
                leaves = read_leaves(self._tar, tile)
            except MalformedTile as error:
                self._report_malformed(tile, stated, str(error))
                self._roots.append(bytes(HASH_BYTES))
                continue
            hashes = [hash_leaf(leaf) for leaf in leaves]
            if b"".join(hashes) != stated:
                self._report(tile, hashes, stated)
            if tile.width == TILE_WIDTH:
                self._roots.append(tile_root(hashes))
            yield first_of(tile), leaves

    def nodes(self) -> Nodes:
        """The subtrees computed from the leaves, after `leaves` has been read to its end."""
        above = nodes_of(self._roots)
        cache: dict[int, list[bytes]] = {}

        def node(level: int, index: int) -> bytes:
            if level >= TILE_HEIGHT:
                return above(level - TILE_HEIGHT, index)
            number, start = divmod(index << level, TILE_WIDTH)
            if number not in cache:
                cache.clear()
                width = min(TILE_WIDTH, self._size - number * TILE_WIDTH)
                leaves = read_leaves(self._tar, Tile(None, number, width))
                cache[number] = [hash_leaf(leaf) for leaf in leaves]
            return tile_root(cache[number][start : start + (1 << level)])

        return node

    def claimed_root(self) -> bytes | None:
        """The root of the tiles alone; None if one of them has another length than it must."""
        if not self._damaged:
            return self.root_at(self._size, self.nodes())
        frontier = Frontier()
        try:
            for tile in tiles_of(0, self._size):
                for one in split_tile(self._tar.read(tile.path), tile.width):
                    frontier.append(one)
        except EvidenceError:
            return None
        return frontier.root()

    def root_at(self, size: int, nodes: Nodes) -> bytes | None:
        """The root of a size; None if it cannot be computed."""
        try:
            return root_at(size, nodes)
        except EvidenceError:
            return None

    def _report_malformed(self, tile: Tile, stated: bytes, reason: str) -> None:
        """Report the first leaf of a bundle that has other lengths than it says."""
        self._damaged = self.is_malformed = True
        data, offset, number = self._tar.read(tile.path), 0, 0
        while number < tile.width:
            end = offset + 2 + int.from_bytes(data[offset : offset + 2], "big")
            computed = hash_leaf(data[offset + 2 : end])
            if computed != stated[number * HASH_BYTES : (number + 1) * HASH_BYTES]:
                break
            offset, number = end, number + 1
        position = first_of(tile) + min(number, tile.width - 1)
        self._findings.add("leaf-hash", reason, position, index=position - 1)

    def _report(self, tile: Tile, hashes: list[bytes], stated: bytes) -> None:
        self._damaged = True
        if len(stated) != tile.width * HASH_BYTES:
            text = f"{Tile(0, tile.index, tile.width).path} has {len(stated)} bytes"
            self._findings.add("tile-hash", text, first_of(tile))
            return
        for number, computed in enumerate(hashes):
            expected = stated[number * HASH_BYTES : (number + 1) * HASH_BYTES]
            if computed != expected:
                self._findings.add(
                    "leaf-hash",
                    "the event does not hash to its place in the tile",
                    first_of(tile) + number,
                    index=first_of(tile) + number - 1,
                    computed=computed.hex(),
                    tile=expected.hex(),
                )
