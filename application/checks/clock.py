"""The ledger's clock: neither an accepted offset nor a test clock takes time back."""

from __future__ import annotations

from typing import Any, ClassVar

from application.checks.violation import Violations
from application.event_log import Recorded


class ClockCheck:
    """Follows acceptances of the database's clock, and the advances of a test clock."""

    follows: ClassVar[tuple[str, ...]] = ("clock",)

    def __init__(self, violations: Violations) -> None:
        self.offset_microseconds = 0
        """What the last acceptance adds to the database's clock."""
        self.advanced_seconds = 0
        """What the advances add to it."""
        self._violations = violations

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next acceptance or advance."""
        if recorded.topic == "clock.accepted":
            self.offset_microseconds = event.offset_microseconds
            if event.offset_microseconds < 0:
                text = f"accepted with {event.offset_microseconds} µs"
                self._violations.report("time-never-back", text)
        elif recorded.topic == "clock.advanced":
            self.advanced_seconds += event.seconds
            if event.seconds <= 0:
                self._violations.report("time-never-back", f"advanced by {event.seconds} s")
