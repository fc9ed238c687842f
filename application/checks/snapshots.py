"""Whether snapshots hold what the log's events make; a pass over the log, beside `LogChecker`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from application import snapshots
from application.command import StreamState
from application.event_log import Recorded
from application.invariants import Violation
from application.ports.snapshots import Snapshot

INVARIANT = "snapshots-equal-the-fold"


class SnapshotChecker:
    """Folds the streams that have snapshots of today's shapes and compares at each one's version.

    Keeps one state per such stream. Snapshots of other shapes are not the code's to judge.
    """

    def __init__(self, kept: Iterable[Snapshot]) -> None:
        self._expected: dict[UUID, dict[int, Snapshot]] = {}
        for snapshot in kept:
            if snapshot.shape in snapshots.SHAPES:
                self._expected.setdefault(snapshot.stream_id, {})[snapshot.version] = snapshot
        self._states: dict[UUID, Any] = {}
        self._violations: list[Violation] = []

    def observe(self, recorded: Recorded) -> None:
        """The next event of the log."""
        expected = self._expected.get(recorded.stream_id)
        if not expected:
            return
        state = recorded.event.mutate(self._states.get(recorded.stream_id))
        self._states[recorded.stream_id] = state
        snapshot = expected.pop(recorded.version, None)
        if snapshot is None:
            return
        made = snapshots.take(StreamState(state, recorded.position))
        if made != snapshot:
            text = f"stream {recorded.stream_id}, version {recorded.version}: {snapshot.shape}"
            self._violations.append(Violation(INVARIANT, recorded.position, f"{text} differs"))

    def finish(self) -> list[Violation]:
        """What was wrong, and the snapshots of versions that the log does not have."""
        for stream, left in self._expected.items():
            for snapshot in left.values():
                text = f"stream {stream} has no version {snapshot.version}"
                self._violations.append(Violation(INVARIANT, snapshot.position, text))
        return self._violations
