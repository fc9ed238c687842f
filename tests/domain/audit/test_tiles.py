from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import tiles
from domain.audit.errors import MalformedTile
from domain.audit.merkle import hash_leaf, nodes_of, root_at, root_of
from domain.audit.tiles import Tile

LEAVES = [hash_leaf(str(number).encode()) for number in range(70_000)]


def test_the_path_of_a_tile_has_three_digits_in_each_element() -> None:
    assert Tile(0, 1_234_067).path == "tile/0/x001/x234/067"
    assert Tile(None, 0, 17).path == "tile/entries/000.p/17"
    assert Tile(1, 999).path == "tile/1/999"
    assert Tile(2, 1000, 1).path == "tile/2/x001/000.p/1"


@given(st.sampled_from([None, *range(8)]), st.integers(0, tiles.INDEX_MAX), st.integers(1, 256))
def test_every_path_is_read_as_it_was_written(level: int | None, index: int, width: int) -> None:
    tile = Tile(level, index, width)

    assert tiles.parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/001", "tile/0/001/002",
        "tile/0/x001", "tile/00/001", "tile/8/001", "tile/-1/001", "tile/0/001.p/0",
        "tile/0/001.p/256", "tile/0/001.p/01", "tile/0/001.p/", "tile/0/001.p/257",
        "/tile/0/001", "tile/0/001/", "tile/0/001\n", "tile/0/../001", "tile/0/٠٠١",
        "tile/entries", "tile/entrie/001", "TILE/0/001", "tile/0/X001/001", "tile//001",
        "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/001.p/1\0", "tile/0/ 01",
    ],
)  # fmt: skip
def test_what_is_no_path_of_a_tile_is_refused(path: str) -> None:
    with pytest.raises(MalformedTile):
        tiles.parse_path(path)


def test_a_tree_of_70_000_leaves_has_the_tiles_of_the_specification() -> None:
    found = list(tiles.all_tiles(70_000))

    assert sum(one.level == 0 and one.width == 256 for one in found) == 273
    assert Tile(0, 273, 112) in found
    assert [one for one in found if one.level] == [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tiles.all_tiles(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles.all_tiles(0)) == []


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_a_growing_tree_gets_the_tiles_it_did_not_have(one: int, other: int) -> None:
    before, size = sorted((one, other))

    for level in (0, 1):
        added = set(tiles.tiles_of(level, size, since=before))
        assert added == set(tiles.tiles_of(level, size)) - set(tiles.tiles_of(level, before))


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000])
def test_the_root_of_tiles_is_the_root_of_their_leaves(size: int) -> None:
    stored = stored_tiles(size)

    nodes = tiles.nodes_of_tiles(size, stored.__getitem__)

    assert root_at(size, nodes) == root_of(LEAVES[:size])
    assert root_at(size // 3, nodes) == root_of(LEAVES[: size // 3])


def test_a_tile_of_another_length_than_its_width_is_refused() -> None:
    nodes = tiles.nodes_of_tiles(300, lambda tile: bytes(32 * tile.width + 1))

    with pytest.raises(MalformedTile):
        root_at(300, nodes)


def stored_tiles(size: int) -> dict[Tile, bytes]:
    nodes = nodes_of(LEAVES[:size])
    return {
        tile: b"".join(
            nodes(8 * (tile.level or 0), 256 * tile.index + i) for i in range(tile.width)
        )
        for tile in tiles.all_tiles(size)
    }


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_every_bundle_is_read_as_it_was_written(leaves: list[bytes]) -> None:
    assert tiles.split_bundle(tiles.encode_bundle(leaves), len(leaves)) == leaves


@pytest.mark.parametrize(
    ("data", "width"),
    [(b"", 1), (b"\0", 1), (b"\0\1", 1), (b"\0\1a", 2), (b"\0\1a\0", 1), (b"\0\1ab", 1),
     (b"\xff\xff", 1), (b"\0\0\0\0", 1), (b"x", 0)],
)  # fmt: skip
def test_a_bundle_has_exactly_its_leaves(data: bytes, width: int) -> None:
    with pytest.raises(MalformedTile):
        tiles.split_bundle(data, width)


def test_a_leaf_that_does_not_fit_is_refused() -> None:
    assert len(tiles.encode_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(MalformedTile):
        tiles.encode_bundle([bytes(65_536)])
