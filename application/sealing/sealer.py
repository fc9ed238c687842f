"""The sealer: reads the log, grows its Merkle tree, signs heads and publishes them.

What it guarantees, whenever it is killed:

- Of one size it signs one root. Before a checkpoint is published it is in the sealer's own notes,
  outside the database, and a sealer that starts goes on from its last note.
- A checkpoint is signed only after a proof, made of the stored tiles, that the tree of the last
  note is its beginning.
- Tiles are stored before the checkpoint that covers them, and only full ones: they never change.
- What is published meets the policy of witnesses. Until the newest head does, nothing is, and the
  next attempt is made with a newer one.
- If the log is shorter than the last note, or another one, nothing is signed and the sealer halts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from application.ports.sealing import Notes, SealStore
from application.sealing.errors import NotesMissing, SealHalted
from application.sealing.growing_tree import GrowingTree
from domain.audit import leaf as leaves
from domain.audit.errors import EvidenceError, QuorumMissing
from domain.audit.merkle import (
    consistency_proof,
    hash_leaf,
    root_at,
    verify_consistency,
)
from domain.audit.note import Checkpoint, Note, parse, parse_checkpoint
from domain.audit.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    nodes_of_tiles,
    split_tile,
    tile_root,
)

PAGE_EVENTS: Final = 1000
OWN_TOPICS: Final = "log."
"""After an event of the log's own stream, origin and keys are read again."""

Sign = Callable[[Checkpoint], Note]
Endorse = Callable[[Note, Callable[[int], Sequence[bytes]]], Note]
"""Collects cosignatures for a note, with proofs from older sizes; see `Cosigning.endorse`."""


def without_witnesses(note: Note, _prove: Callable[[int], Sequence[bytes]]) -> Note:
    """The note as it is: no witness is demanded."""
    return note


class Sealer:
    """Seals one log under one origin; made anew after every failure."""

    def __init__(
        self,
        store: SealStore,
        notes: Notes,
        sign: Sign,
        *,
        origin: str,
        endorse: Endorse = without_witnesses,
    ) -> None:
        self._endorse = endorse
        self._store = store
        self._notes = notes
        self._sign = sign
        self._origin = origin
        self._tree = GrowingTree()
        self.signed: Checkpoint | None = None
        """The last head that was signed."""
        self.published: Checkpoint | None = None
        """The last head that was published."""
        self._note: Note | None = None
        """Of the last head that was signed."""
        self.log_changed = False
        """Whether origin or keys may have changed: seal what is there, then make a new sealer."""

    @property
    def sealed(self) -> int:
        """Up to which position the log is sealed and published."""
        return self.published.size if self.published else 0

    @property
    def has_news(self) -> bool:
        """Whether events were read that no published checkpoint covers."""
        return self._tree.size > self.sealed

    def open(self) -> None:
        """Go on from the last note; publish it if that had not happened.

        Raises (checked in this order):
            NotesMissing: checkpoints were published that are not in the notes.
            SealHalted: the notes are of another log; the log is shorter than the last note or
                another one; a published checkpoint does not agree with it.
        """
        published = self._store.newest(self._origin)
        text = self._notes.last()
        if text is None:
            if published is not None:
                raise NotesMissing(reason=_not_noted(published.checkpoint.size))
            return
        last = self._read(text)
        if published is not None and published.checkpoint.size > last.size:
            raise NotesMissing(reason=_not_noted(published.checkpoint.size))
        self._resume(last)
        if published is not None:
            self._check_published(published.checkpoint)
        self.signed, self._note = last, parse(text.encode())
        if published is not None and published.checkpoint == last:
            self.published = last
            return
        self._notes.append(text)  # it may not have reached the disk when it was written first
        self.published = published.checkpoint if published else None
        with suppress(QuorumMissing):  # `has_news` says that it is not published
            self._publish()

    def read(self) -> int:
        """Take in the next page of the log; returns how many events it had.

        Raises:
            SealHalted: a position is missing, an event cannot be sealed, or a stored tile differs.
        """
        page = self._store.leaves(self._tree.size, PAGE_EVENTS)
        for leaf in page:
            if leaf.position != self._tree.size + 1:
                raise SealHalted(reason=f"position {self._tree.size + 1} is missing in the log")
            try:
                encoded = leaves.encode(leaf)
            except EvidenceError as error:
                raise SealHalted(reason=f"an event cannot be sealed: {error}") from error
            self._tree.append(hash_leaf(encoded))
            if leaf.topic.startswith(OWN_TOPICS):
                self.log_changed = True
        if tiles := self._tree.take_tiles():
            self._store.add_tiles(tiles)
        return len(page)

    def seal(self) -> Checkpoint:
        """Sign and publish the head of what was read; again, with new cosignatures, if unchanged.

        Raises (checked in this order):
            SealHalted: the tree of the last note is not its beginning.
            QuorumMissing: it is signed and not published, as too few witnesses have cosigned.
        """
        head = Checkpoint(self._origin, self._tree.size, self._tree.root())
        if head != self.signed:
            self._prove(head)
            note = self._sign(head)
            self._notes.append(note.encode().decode())
            self.signed, self._note = head, note
        self._publish()
        return head

    def _publish(self) -> None:
        if self.signed is None or self._note is None:
            return
        note = self._endorse(self._note, self._prove_from)
        self._store.publish(self.signed, note.encode().decode())
        self.published = self.signed

    def _prove_from(self, old_size: int) -> Sequence[bytes]:
        size = self._tree.size
        return consistency_proof(old_size, size, nodes_of_tiles(size, self._tile))

    def _read(self, text: str) -> Checkpoint:
        try:
            last = parse_checkpoint(parse(text.encode()).text)
        except EvidenceError as error:
            raise SealHalted(reason=f"the last note cannot be read: {error}") from error
        if last.origin != self._origin:
            raise SealHalted(
                reason=f"the last note is of the log {last.origin}, not {self._origin}"
            )
        return last

    def _resume(self, last: Checkpoint) -> None:
        """The tree of the last note, from the stored tiles and the log."""
        head = self._store.head()
        if head < last.size:
            raise SealHalted(
                reason=f"the log ends at position {head}, but a head of {last.size} is signed"
            )
        full = last.size - last.size % TILE_WIDTH
        page = self._store.leaves(full, last.size - full) if full < last.size else ()
        hashes = [hash_leaf(leaves.encode(leaf)) for leaf in page]
        self._tree = GrowingTree.resume(last.size, hashes, self._roots)
        if len(hashes) != last.size - full or self._tree.root() != last.root:
            raise SealHalted(
                reason=f"the log up to position {last.size} is not the one whose head was signed"
            )

    def _roots(self, level: int, first: int, count: int) -> list[bytes]:
        tiles = (self._store.tile(level, index) for index in range(first, first + count))
        return [tile_root(split_tile(tile, TILE_WIDTH)) for tile in tiles]

    def _check_published(self, published: Checkpoint) -> None:
        if root_at(published.size, nodes_of_tiles(self._tree.size, self._tile)) != published.root:
            text = f"the published checkpoint of size {published.size} does not agree with the log"
            raise SealHalted(reason=text)

    def _prove(self, head: Checkpoint) -> None:
        """Prove that the log of the last note is the beginning of this one."""
        last = self.signed
        if last is None:
            return
        try:
            proof = consistency_proof(last.size, head.size, nodes_of_tiles(head.size, self._tile))
            verify_consistency(last.size, head.size, proof, last.root, head.root)
        except EvidenceError as error:
            text = f"the head of size {head.size} does not continue that of {last.size}: {error}"
            raise SealHalted(reason=text) from error

    def _tile(self, tile: Tile) -> bytes:
        level = tile.level or 0
        if tile.width == TILE_WIDTH and tile.index < self._tree.size >> TILE_HEIGHT * (level + 1):
            return self._store.tile(level, tile.index)
        return self._tree.partial(level)


def _not_noted(size: int) -> str:
    return (
        f"a checkpoint of size {size} is published, but it is not in the sealer's notes: start it "
        "with its own QRLEDGER_SEAL_HOME, or with `--adopt NOTE` and a checkpoint that you trust"
    )
