"""Snapshots against the events they are made from; a pass over the log, beside `LogChecker`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from application import snapshots
from application.checks.violation import Violation
from application.command import StreamState
from application.event_log import Recorded
from application.ports.snapshots import Snapshot

INVARIANT = "snapshots-equal-the-fold"


class SnapshotChecker:
    """Folds the streams that have snapshots, and compares at the version of each snapshot.

    Keeps one state per such stream. Snapshots of a shape that is no longer used are ignored.
    """

    def __init__(self, stored: Iterable[Snapshot]) -> None:
        self._expected: dict[UUID, dict[int, Snapshot]] = {}
        for snapshot in stored:
            if snapshot.shape in snapshots.SHAPES:
                self._expected.setdefault(snapshot.stream_id, {})[snapshot.version] = snapshot
        self._states: dict[UUID, Any] = {}
        self._violations: list[Violation] = []

    def observe(self, recorded: Recorded) -> None:
        """Fold the next event, and compare if there is a snapshot of its version."""
        expected = self._expected.get(recorded.stream_id)
        if not expected:
            return
        state = recorded.event.mutate(self._states.get(recorded.stream_id))
        self._states[recorded.stream_id] = state
        snapshot = expected.pop(recorded.version, None)
        if snapshot is None:
            return
        actual = snapshots.take(StreamState(state, recorded.position))
        if actual != snapshot:
            text = f"stream {recorded.stream_id}, version {recorded.version}: {snapshot.shape}"
            self._violations.append(Violation(INVARIANT, recorded.position, f"{text} differs"))

    def finish(self) -> list[Violation]:
        """End the pass; snapshots of versions that the log does not have are violations too."""
        for stream, left in self._expected.items():
            for snapshot in left.values():
                text = f"stream {stream} has no version {snapshot.version}"
                self._violations.append(Violation(INVARIANT, snapshot.position, text))
        return self._violations
