"""The growing tree: its roots are those of the tree, its tiles those of tlog-tiles."""

from __future__ import annotations

from hashlib import sha256

import pytest

from application.sealing.growing_tree import GrowingTree
from domain.audit.merkle import root_at, root_of
from domain.audit.tiles import Tile, all_tiles, nodes_of_tiles, split_tile, tile_root

HASHES = [sha256(str(n).encode()).digest() for n in range(66_000)]
SIZES = [*range(520), 65_535, 65_536, 65_537, 65_793, 66_000]


@pytest.fixture(scope="module")
def grown() -> dict[tuple[int, int], bytes]:
    """The full tiles of the largest tree."""
    tree = GrowingTree()
    for one in HASHES:
        tree.append(one)
    return {(tile.level, tile.index): tile.hashes for tile in tree.take_tiles()}


def test_every_size_has_the_root_of_the_tree() -> None:
    tree = GrowingTree()
    for size, one in enumerate(HASHES[:520]):
        assert tree.root() == root_of(HASHES[:size])
        tree.append(one)
    for one in HASHES[520:]:
        tree.append(one)
    assert tree.root() == root_of(HASHES)


def test_full_tiles_are_taken_once_and_hold_their_hashes(
    grown: dict[tuple[int, int], bytes],
) -> None:
    expected = {(tile.level, tile.index) for tile in all_tiles(66_000) if tile.width == 256}
    assert set(grown) == expected
    assert grown[0, 3] == b"".join(HASHES[768:1024])
    assert split_tile(grown[1, 0], 256)[3] == tile_root(HASHES[768:1024])

    tree = GrowingTree()
    for one in HASHES[:256]:
        tree.append(one)

    assert [(tile.level, tile.index) for tile in tree.take_tiles()] == [(0, 0)]
    assert tree.take_tiles() == []


@pytest.mark.parametrize("size", SIZES)
def test_a_tree_is_resumed_of_its_tiles(grown: dict[tuple[int, int], bytes], size: int) -> None:
    def roots(level: int, first: int, count: int) -> list[bytes]:
        return [
            tile_root(split_tile(grown[level, index], 256)) for index in range(first, first + count)
        ]

    full = size - size % 256
    tree = GrowingTree.resume(size, HASHES[full:size], roots)

    def read(tile: Tile) -> bytes:
        return (
            grown[tile.level or 0, tile.index]
            if tile.width == 256
            else tree.partial(tile.level or 0)
        )

    assert tree.size == size
    assert tree.root() == root_of(HASHES[:size]) == root_at(size, nodes_of_tiles(size, read))
    for one in HASHES[size : size + 300]:
        tree.append(one)
    assert tree.root() == root_of(HASHES[: size + 300])
    for made in tree.take_tiles():
        assert made.hashes == grown[made.level, made.index]
        assert made.root == tile_root(split_tile(made.hashes, 256))
