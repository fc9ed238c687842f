"""A limit on how often something is done: on average, with a few times in a row allowed."""

from __future__ import annotations


class Pace:
    """A leaky bucket (the generic cell rate algorithm, ITU-T I.371)."""

    def __init__(self, interval_seconds: float, burst: int) -> None:
        """Allow one step per interval.

        Args:
            interval_seconds: the average time between two steps; 0 for no limit.
            burst: how many steps may follow each other at once after a rest.
        """
        self._interval = interval_seconds
        self._tolerance = interval_seconds * (burst - 1)
        self._earliest = 0.0
        """When the next step would be due if every step had kept the interval."""

    def pause(self, now: float) -> float:
        """Take a step; returns the seconds to wait before it."""
        due = max(self._earliest, now)
        self._earliest = due + self._interval
        return max(0.0, due - self._tolerance - now)
