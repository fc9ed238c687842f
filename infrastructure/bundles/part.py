"""A part of a history: some events, and the hashes of all, which prove that they belong to the log.

A part has no receipts and no rows, because they follow from the whole history only. It never claims
to be complete: that is said of every part, and its verification is never `proven`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from domain.audit import bundle
from domain.audit import leaf as leaves
from domain.audit.bundle import Manifest
from domain.audit.errors import EvidenceError
from domain.audit.leaf import Leaf
from domain.audit.merkle import Frontier, hash_leaf
from domain.audit.tiles import TILE_WIDTH, Tile, split_tile, tiles_of
from infrastructure.bundles.events import entry_tiles, first_of, read_leaves
from infrastructure.bundles.findings import Findings
from infrastructure.bundles.tar_file import TarReader


class Range(NamedTuple):
    """Positions, whole tiles of them."""

    first: int
    last: int


def aligned(first: int, last: int, size: int) -> Range:
    """The whole tiles with the positions from `first` to `last` in a log of a size."""
    start = (first - 1) // TILE_WIDTH * TILE_WIDTH + 1
    return Range(start, min(size, -(-last // TILE_WIDTH) * TILE_WIDTH))


def check_part(
    tar: TarReader,
    manifest: Manifest,
    sizes: Collection[int],
    findings: Findings,
    on_event: Callable[[Leaf], None],
) -> dict[int, bytes]:
    """Check the events of a part against the tiles; returns the roots of the tiles at some sizes.

    Raises:
        EvidenceError: a member is missing or not what its name says.
    """
    first, last, size = manifest.first, manifest.last, manifest.size
    text = f"this is a part: positions {first} to {last} of {size}"
    findings.add("parts", f"{text}, and nothing is claimed about the rest")
    expected = {bundle.FORMAT_MEMBER, bundle.MANIFEST, bundle.CHECKPOINT}
    expected |= {tile.path for tile in tiles_of(0, size)}
    is_range = 1 <= first <= last <= size and aligned(first, last, size) == (first, last)
    if is_range:
        expected |= {tile.path for tile in entry_tiles(first, last)}
    if not is_range or expected != set(tar.members) or manifest.commands or manifest.read_models:
        findings.add("parts", "the bundle does not have exactly the members of such a part")
        return {}
    tree, roots = Frontier(), dict[int, bytes]()
    for tile in tiles_of(0, size):
        hashes = split_tile(tar.read(tile.path), tile.width)
        if first <= first_of(tile) <= last:
            _check_events(tar, tile, hashes, findings, on_event)
        for one in hashes:
            tree.append(one)
            if tree.size in sizes:
                roots[tree.size] = tree.root()
    return roots


def _check_events(
    tar: TarReader,
    tile: Tile,
    hashes: list[bytes],
    findings: Findings,
    on_event: Callable[[Leaf], None],
) -> None:
    found = read_leaves(tar, Tile(None, tile.index, tile.width))
    for position, (data, expected) in enumerate(zip(found, hashes, strict=True), first_of(tile)):
        if hash_leaf(data) != expected:
            text = "the event does not hash to its place in the tile"
            findings.add("leaf-hash", text, position, index=position - 1)
            continue
        try:
            leaf = leaves.decode(data)
        except EvidenceError as error:
            findings.add("leaf", str(error), position)
            continue
        if leaf.position != position:
            text = f"the event has the position {leaf.position}"
            findings.add("gapless-positions", text, position)
            continue
        on_event(leaf)
