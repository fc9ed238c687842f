"""What is read to serve the sealed log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from application.ports.sealing import Published
from domain.audit.leaf import Leaf


class SealedLogReader(Protocol):
    """Checkpoints, full tiles and events."""

    def newest(self) -> Published | None:
        """The checkpoint that was published last; None if there is none.

        Raises (here and below):
            LogUnavailable: nothing could be read.
        """
        ...

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a full tile.

        Raises:
            TileMissing: it is not stored.
        """
        ...

    def roots(self, level: int, first: int, count: int) -> Sequence[bytes]:
        """The roots of full tiles of one level, in order; fewer if some are not stored."""
        ...

    def leaves(self, after: int, limit: int) -> Sequence[Leaf]:
        """The events after a position, in order."""
        ...
