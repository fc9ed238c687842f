"""The order of the log: positions, versions and times."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded

TIMESTAMP_SKEW_MAX: Final = timedelta(days=1)
"""Deciding and recording are milliseconds apart, unless a test ledger's clock jumped in between. By
how much it was advanced does not count."""


class LogCheck:
    """Follows every event: positions and versions without gaps, times that never go back."""

    def __init__(self, violations: Violations) -> None:
        self.position = 0
        """Of the last event."""
        self.recorded_at: datetime | None = None
        """Of the last event."""
        self._violations = violations
        self._versions: dict[UUID | bytes, int] = {}
        self._advances: list[tuple[datetime, int]] = []
        """When a test clock was advanced, and by how many seconds."""

    def observe(self, recorded: Recorded) -> None:
        """Check the place of the next event."""
        self.observe_place(recorded)
        self.observe_version(recorded)

    def observe_place(self, recorded: Recorded) -> None:
        """Check position and time, which every event has after the one before it."""
        expected, self.position = self.position + 1, recorded.position
        if recorded.position != expected:
            self._violations.report("gapless-positions", f"expected {expected}")
        if self.recorded_at is not None and recorded.recorded_at < self.recorded_at:
            text = f"{recorded.recorded_at} after {self.recorded_at}"
            self._violations.report("time-never-back", text)
        self.recorded_at = recorded.recorded_at

    def observe_version(self, recorded: Recorded) -> None:
        """Check the version, which needs the events of one stream only."""
        self.check_version(recorded.stream_id, recorded.version)

    def check_version(self, stream_id: UUID | bytes, found: int) -> None:
        """Check the next version of a stream, which is always named in the same way."""
        expected = self._versions.get(stream_id, 0) + 1
        if found != expected:
            name = stream_id if isinstance(stream_id, UUID) else UUID(bytes=stream_id)
            text = f"stream {name}: expected {expected}, found {found}"
            self._violations.report("contiguous-versions", text)
        self._versions[stream_id] = found

    def check_timestamp(self, recorded: Recorded, event: Any) -> None:
        """Compare when an event was decided with when it was recorded.

        Accepting the clock moves the ledger's time itself, so that event is exempt. So does an
        advance of a test clock, which is known: for itself, and for what was decided before it.
        """
        if recorded.topic == "clock.advanced":
            self._advances.append((recorded.recorded_at, event.seconds))
        apart = abs(event.timestamp - recorded.recorded_at)
        if apart > TIMESTAMP_SKEW_MAX:
            apart -= timedelta(seconds=self._advanced_since(event.timestamp))
        if apart > TIMESTAMP_SKEW_MAX and recorded.topic != "clock.accepted":
            text = f"{recorded.topic} decided at {event.timestamp}, recorded at "
            self._violations.report("times-agree", f"{text}{recorded.recorded_at}")

    def _advanced_since(self, at: datetime) -> int:
        newest_first = takewhile(lambda advance: advance[0] > at, reversed(self._advances))
        return sum(seconds for _, seconds in newest_first)
