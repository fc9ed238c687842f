"""What the sealer needs: the log and its own tables, and a place for its notes outside of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from application.sealing.growing_tree import FullTile
from domain.audit.leaf import Leaf
from domain.audit.note import Checkpoint


class Published(NamedTuple):
    """A checkpoint that anybody may have seen."""

    checkpoint: Checkpoint
    note: str


class SealStore(Protocol):
    """The log, read only, and the sealer's tables, insert only."""

    def head(self) -> int:
        """The last position, 0 if there is none."""
        ...

    def leaves(self, after: int, limit: int) -> Sequence[Leaf]:
        """The events after a position, in order."""
        ...

    def add_tiles(self, tiles: Sequence[FullTile]) -> None:
        """Store full tiles, all or none; those that are stored already stay as they are.

        Raises:
            TileDiffers: a stored tile is another one.
        """
        ...

    def tile(self, level: int, index: int) -> bytes:
        """A full tile.

        Raises:
            TileMissing: it is not stored.
        """
        ...

    def newest(self, origin: str) -> Published | None:
        """The checkpoint of this origin that was published last."""
        ...

    def publish(self, checkpoint: Checkpoint, note: str) -> None:
        """Publish a checkpoint."""
        ...


class Notes(Protocol):
    """The checkpoints that were ever signed under one origin, outside the database."""

    def last(self) -> str | None:
        """The note that was signed last; None if there is none."""
        ...

    def append(self, note: str) -> None:
        """Add a note; it survives everything but the loss of the disk once this returns."""
        ...
