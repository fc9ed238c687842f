"""What outsiders get of the sealed log: checkpoint, tiles, entry bundles, receipts, policy.

Everything is covered by the checkpoint that was published last. Full tiles are stored; partial ones
are made here, of the events (level 0) or of the roots of the tiles below.
"""

from __future__ import annotations

from dataclasses import replace

from application.errors import NotFound, NotSealed
from application.ports.evidence import SealedLogReader
from application.ports.sealing import Published
from application.sealing.errors import TileMissing
from domain.audit import leaf as leaves
from domain.audit import note as notes
from domain.audit import policy as policies
from domain.audit import vkey
from domain.audit.merkle import hash_leaf, inclusion_proof
from domain.audit.policy import Policy
from domain.audit.receipt import Receipt
from domain.audit.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    encode_bundle,
    nodes_of_tiles,
)
from domain.sealing.sealed_log import SealedLog


class Evidence:
    """Serves the sealed log."""

    def __init__(self, reader: SealedLogReader, witnesses: Policy | None = None) -> None:
        """`witnesses`: the policy by which checkpoints are published; None for no witnesses."""
        self._reader = reader
        self._witnesses = witnesses or Policy()

    def policy(self, log: SealedLog) -> bytes:
        """The tlog-policy: the log's keys in use, newest first, and the witnesses demanded.

        Without the addresses at which the sealer reaches the witnesses.
        """
        keys = [vkey.parse(key.vkey) for key in reversed(log.signing)]
        return policies.encode(replace(self._witnesses, logs=keys, urls={}))

    def checkpoint(self) -> str:
        """The signed note that was published last.

        Raises:
            NotSealed: nothing was sealed yet.
        """
        return self._newest(1).note

    def tile(self, tile: Tile) -> bytes:
        """The hashes of a tile, full or partial.

        Raises:
            NotFound: the published checkpoint does not cover it.
        """
        self._check_covered(tile)
        return self._tile(tile)

    def entries(self, tile: Tile) -> bytes:
        """The leaves of a tile of level 0, as an entry bundle.

        Raises:
            NotFound: the published checkpoint does not cover it.
        """
        self._check_covered(Tile(0, tile.index, tile.width))
        found = self._reader.leaves(tile.index * TILE_WIDTH, tile.width)
        return encode_bundle(leaves.encode(leaf) for leaf in found)

    def receipt(self, position: int) -> Receipt:
        """The receipt of an event: its leaf, the proof, and the checkpoint.

        Raises (checked in this order):
            NotFound: there is no such event.
            NotSealed: the published checkpoint does not cover it yet.
        """
        [*found] = self._reader.leaves(position - 1, 1)
        if not found or found[0].position != position:
            raise NotFound(thing="event")
        newest = self._newest(position)
        size = newest.checkpoint.size
        nodes = nodes_of_tiles(size, self._tile)
        return Receipt(
            leaves.encode(found[0]),
            position - 1,
            inclusion_proof(position - 1, size, nodes),
            notes.parse(newest.note.encode()),
        )

    def sealed(self) -> int:
        """The last position that the published checkpoint covers; 0 if nothing was sealed yet."""
        newest = self._reader.newest()
        return newest.checkpoint.size if newest else 0

    def _newest(self, position: int) -> Published:
        newest = self._reader.newest()
        sealed = newest.checkpoint.size if newest else 0
        if newest is None or sealed < position:
            raise NotSealed(position=position, sealed=sealed)
        return newest

    def _check_covered(self, tile: Tile) -> None:
        newest = self._reader.newest()
        size = newest.checkpoint.size if newest else 0
        hashes = size >> TILE_HEIGHT * (tile.level or 0)
        if tile.index * TILE_WIDTH + tile.width > hashes:
            raise NotFound(thing="tile")

    def _tile(self, tile: Tile) -> bytes:
        level, first = tile.level or 0, tile.index * TILE_WIDTH
        if tile.width == TILE_WIDTH:
            return self._reader.tile(level, tile.index)
        if level:
            hashes = list(self._reader.roots(level - 1, first, tile.width))
        else:
            found = self._reader.leaves(first, tile.width)
            hashes = [hash_leaf(leaves.encode(leaf)) for leaf in found]
        if len(hashes) != tile.width:
            raise TileMissing(level, tile.index)
        return b"".join(hashes)
