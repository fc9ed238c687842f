"""Snapshots in memory: the port's semantics without a database or a thread."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from application.ports.snapshots import Snapshot


class MemorySnapshots:
    """`application.ports.snapshots.Snapshots`, for tests."""

    def __init__(self) -> None:
        self.kept: dict[tuple[UUID, str, int], Snapshot] = {}

    def latest(
        self, stream_id: UUID, shapes: Sequence[str], up_to: int, *, after: int = 0
    ) -> Snapshot | None:
        """See the port."""
        fit = [
            one
            for one in self.kept.values()
            if one.stream_id == stream_id and one.shape in shapes and after < one.version <= up_to
        ]
        return max(fit, key=lambda one: one.version, default=None)

    def offer(self, snapshot: Snapshot) -> None:
        """See the port."""
        self.kept.setdefault((snapshot.stream_id, snapshot.shape, snapshot.version), snapshot)
