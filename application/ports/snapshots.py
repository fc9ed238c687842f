"""States of long streams, kept beside the log: disposable, and made again from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import UUID


class Snapshot(NamedTuple):
    """A stream's state at one version, written by the code that `shape` names."""

    stream_id: UUID
    shape: str
    version: int
    position: int
    """Of the event that made this version."""
    state: bytes


class Snapshots(Protocol):
    """Where snapshots are kept. Losing one costs time and nothing else."""

    def latest(
        self, stream_id: UUID, shapes: Sequence[str], up_to: int, *, after: int = 0
    ) -> Snapshot | None:
        """The snapshot of the highest version in (`after`, `up_to`], of one of the shapes.

        Raises:
            LogUnavailable: nothing could be read.
        """
        ...

    def offer(self, snapshot: Snapshot) -> None:
        """Keep a snapshot some time soon. Never waits, and may drop it."""
        ...


class NoSnapshots:
    """Keeps nothing: every stream is read from its beginning."""

    def latest(
        self,
        stream_id: UUID,  # noqa: ARG002
        shapes: Sequence[str],  # noqa: ARG002
        up_to: int,  # noqa: ARG002
        *,
        after: int = 0,  # noqa: ARG002
    ) -> Snapshot | None:
        """Nothing."""
        return None

    def offer(self, snapshot: Snapshot) -> None:
        """Drop it."""
