"""What limits a process as a whole: the budget of its retries, and its breaker.

Both count in this worker's memory and by elapsed seconds, so setting a clock does not affect them;
a new worker begins with a full budget and a closed breaker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from application.processes.process import RetryPolicy

MINUTE_SECONDS: Final = 60.0


@dataclass(slots=True)
class Turn:
    """What one call of `perform` may claim, and what came of it."""

    tasks_max: int
    """0 while the breaker is open."""
    repeats_max: int
    """How many of the tasks may have been claimed before."""
    trial: bool = False
    """Whether this is the one task that an open breaker lets through."""
    repeats: int = 0
    """How many such tasks were claimed."""
    failures: list[bool] = field(default_factory=list)
    """For each result in order, whether it is a failed attempt."""


class Throttle:
    """Shared by all loops that perform tasks of one process. Thread-safe."""

    def __init__(self, policy: RetryPolicy, elapsed: Callable[[], float]) -> None:
        """Begin with a full budget and a closed breaker.

        Args:
            policy: the limits.
            elapsed: seconds of a clock that cannot be set.
        """
        self._policy = policy
        self._elapsed = elapsed
        self._lock = Lock()
        self._repeats: deque[tuple[float, int]] = deque()
        """When tasks were repeated within the last minute, and how many."""
        self._reserved = 0
        """Repeats that turns under way may use."""
        self._failures = 0
        """Failed attempts in a row."""
        self._opened_at: float | None = None
        """When the breaker opened; None while it is closed."""
        self._trying = False
        """Whether the trial of an open breaker is under way."""

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """One claim and its results; the caller fills in `repeats` and `failures`."""
        with self._lock:
            turn = self._next_turn()
            self._reserved += turn.repeats_max
        try:
            yield turn
        finally:
            with self._lock:
                self._reserved -= turn.repeats_max
                if turn.repeats:
                    self._repeats.append((self._elapsed(), turn.repeats))
                self._count(turn)

    def _next_turn(self) -> Turn:
        policy, now = self._policy, self._elapsed()
        while self._repeats and self._repeats[0][0] <= now - MINUTE_SECONDS:
            self._repeats.popleft()
        used = self._reserved + sum(count for _, count in self._repeats)
        left = max(0, policy.retries_per_minute_max - used)
        if self._opened_at is None:
            return Turn(policy.tasks_max, min(policy.tasks_max, left))
        if self._trying or now < self._opened_at + policy.open_seconds:
            return Turn(0, 0)
        self._trying = True
        return Turn(1, min(1, left), trial=True)

    def _count(self, turn: Turn) -> None:
        """Open the breaker after too many failures in a row, or a failed trial; else close it."""
        if turn.trial:
            self._trying = False
        for failed in turn.failures:
            self._failures = self._failures + 1 if failed else 0
        if turn.failures and self._failures == 0:
            self._opened_at = None
        elif turn.failures and (turn.trial or self._failures >= self._policy.failures_max):
            self._opened_at = self._elapsed()
