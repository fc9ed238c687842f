"""A store of snapshots in memory."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from application.ports.snapshots import Snapshot


class MemorySnapshots:
    """An `application.ports.snapshots.Snapshots` for tests."""

    def __init__(self) -> None:
        self.kept: dict[tuple[UUID, str, int], Snapshot] = {}

    def latest(
        self, stream_id: UUID, shapes: Sequence[str], up_to: int, *, after: int = 0
    ) -> Snapshot | None:
        """See `Snapshots`."""
        matching = [
            snapshot
            for snapshot in self.kept.values()
            if snapshot.stream_id == stream_id
            and snapshot.shape in shapes
            and after < snapshot.version <= up_to
        ]
        return max(matching, key=lambda snapshot: snapshot.version, default=None)

    def offer(self, snapshot: Snapshot) -> None:
        """See `Snapshots`."""
        self.kept.setdefault((snapshot.stream_id, snapshot.shape, snapshot.version), snapshot)
