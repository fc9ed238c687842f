"""The layout of tlog-tiles: paths, tiles of 256 hashes, entry bundles.

A tile of level 0 has the hashes of 256 leaves; each hash of a tile above is the root of one full
tile below. The last tile of a level may be partial (`.p/<W>`). An entry bundle has the leaves of a
tile of level 0, each after its length as u16, big-endian.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from domain.audit.errors import MalformedTile
from domain.audit.leaf import LEAF_BYTES_MAX
from domain.audit.merkle import HASH_BYTES, NODE_PREFIX, Nodes

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 256
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
LEVEL_MAX: Final = 7
"""A tree of 2^63 leaves has no tile above it."""
BUNDLE_BYTES_MAX: Final = TILE_WIDTH * (2 + LEAF_BYTES_MAX)
INDEX_MAX: Final = 2**55 - 1
_PATH: Final = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?",
    re.ASCII,
)
_U16: Final = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile: level (None for an entry bundle), index, and width (256 unless partial)."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Such as `tile/0/x001/x234/067` or `tile/entries/000.p/17`."""
        level = "entries" if self.level is None else self.level
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{encode_index(self.index)}{partial}"


def encode_index(index: int) -> str:
    """The elements of a path: 1234067 is `x001/x234/067`."""
    elements = [f"{index % 1000:03}"]
    while index := index // 1000:
        elements.append(f"x{index % 1000:03}")
    return "/".join(reversed(elements))


def parse_path(path: str) -> Tile:
    """The tile of a path; a tile has exactly one path.

    Raises:
        MalformedTile: the path of no tile.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise MalformedTile(reason=f"{path!r:.80} is not the path of a tile")
    level, index, width = found.groups()
    tile = Tile(
        None if level == "entries" else int(level),
        int(index.replace("x", "").replace("/", "")),
        int(width) if width else TILE_WIDTH,
    )
    out_of_range = (tile.level or 0) > LEVEL_MAX or tile.index > INDEX_MAX
    if out_of_range or (width and tile.width >= TILE_WIDTH) or tile.path != path:
        raise MalformedTile(reason=f"{path!r:.80} is not the path of a tile")
    return tile


def tiles_of(level: int | None, size: int, *, since: int = 0) -> Iterator[Tile]:
    """The tiles of one level of a tree that a tree of the size `since` does not have, in order."""
    shift = TILE_HEIGHT * (level or 0)
    hashes, before = size >> shift, since >> shift
    if hashes == before:
        return
    for index in range(before // TILE_WIDTH, hashes // TILE_WIDTH):
        yield Tile(level, index)
    if width := hashes % TILE_WIDTH:
        yield Tile(level, hashes // TILE_WIDTH, width)


def all_tiles(size: int) -> Iterator[Tile]:
    """The tiles of all levels of a tree, without the entry bundles."""
    level = 0
    while size >> TILE_HEIGHT * level:
        yield from tiles_of(level, size)
        level += 1


def tile_root(hashes: Sequence[bytes]) -> bytes:
    """The root of a power of two of hashes, such as a full tile."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [
            sha256(NODE_PREFIX + left + right).digest()
            for left, right in zip(pairs, pairs, strict=True)
        ]
    return hashes[0]


def split_tile(data: bytes, width: int) -> list[bytes]:
    """The hashes of a tile.

    Raises:
        MalformedTile: another number of bytes than its width demands.
    """
    if len(data) != width * HASH_BYTES:
        raise MalformedTile(reason=f"a tile of {width} hashes has {len(data)} bytes")
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def nodes_of_tiles(size: int, read: Callable[[Tile], bytes], *, cached: int = 64) -> Nodes:
    """The complete subtrees of a tree of a size, read from its tiles.

    `read` returns the bytes of a tile of the tree of that size, partial ones included; the last
    `cached` tiles are kept.

    Raises (when called):
        MalformedTile: a tile has another number of bytes than its width demands.
    """

    @lru_cache(cached)
    def hashes(level: int, index: int) -> list[bytes]:
        width = min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - index * TILE_WIDTH)
        return split_tile(read(Tile(level, index, width)), width)

    def node(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = index << height
        start = first % TILE_WIDTH
        return tile_root(hashes(tile_level, first // TILE_WIDTH)[start : start + (1 << height)])

    return node


def encode_bundle(leaves: Iterable[bytes]) -> bytes:
    """The entry bundle of leaves.

    Raises:
        MalformedTile: a leaf is longer than 65,535 bytes.
    """
    parts: list[bytes] = []
    for leaf in leaves:
        if len(leaf) > LEAF_BYTES_MAX:
            raise MalformedTile(
                reason=f"a leaf has {len(leaf)} bytes; at most {LEAF_BYTES_MAX} fit"
            )
        parts += (_U16.pack(len(leaf)), leaf)
    return b"".join(parts)


def split_bundle(data: bytes, width: int) -> list[bytes]:
    """The leaves of an entry bundle.

    Raises:
        MalformedTile: it does not consist of exactly `width` leaves.
    """
    leaves: list[bytes] = []
    offset = 0
    end = len(data)
    while offset + 2 <= end and len(leaves) < width:
        start = offset + 2
        offset = start + (data[offset] << 8 | data[offset + 1])
        leaves.append(data[start:offset])
    if offset != end or len(leaves) != width:
        raise MalformedTile(reason=f"an entry bundle does not have {width} leaves")
    return leaves
