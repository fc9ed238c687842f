"""The store of snapshots, which can be deleted and rebuilt from the log at any time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import UUID


class Snapshot(NamedTuple):
    """A stream's state at one version."""

    stream_id: UUID
    shape: str
    """The name of the encoding, for example `wallet:1`."""
    version: int
    position: int
    """The position of the event that led to this version."""
    state: bytes


class Snapshots(Protocol):
    """A store of snapshots. Losing one costs only time."""

    def latest(
        self, stream_id: UUID, shapes: Sequence[str], up_to: int, *, after: int = 0
    ) -> Snapshot | None:
        """The newest snapshot in one of the shapes, with `after` < version <= `up_to`.

        Raises:
            LogUnavailable: nothing could be read.
        """
        ...

    def offer(self, snapshot: Snapshot) -> None:
        """Store a snapshot soon. Does not block, and may drop it."""
        ...


class NoSnapshots:
    """Stores nothing, so every stream is read from its beginning."""

    def latest(
        self,
        stream_id: UUID,  # noqa: ARG002
        shapes: Sequence[str],  # noqa: ARG002
        up_to: int,  # noqa: ARG002
        *,
        after: int = 0,  # noqa: ARG002
    ) -> Snapshot | None:
        """None."""
        return None

    def offer(self, snapshot: Snapshot) -> None:
        """Does nothing."""
