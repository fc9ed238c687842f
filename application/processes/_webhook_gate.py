"""Which calls of a batch are made now: slow and failing targets never hold every loop.

A batch lasts as long as its slowest call. Targets that fail, are slow or were never called are
therefore called by half of the loops at most, so the other loops go on with everybody else. Kept in
memory: it limits this worker's calls and decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

SUSPECT_CALLS_MAX: Final = 4
"""Calls to one suspect in one batch."""
TURN_SECONDS: Final = 2.0
"""About how long a call waits for each few that wait for the same target."""
TURN_SECONDS_MAX: Final = 60.0
"""So that thousands that wait for a slow target are not claimed again and again."""


class Gate:
    """Shared by the loops of the process. Thread-safe."""

    def __init__(self, suspects_max: int) -> None:
        """Let a number of loops at a time call suspects.

        Args:
            suspects_max: how many batches may contain calls to suspects.
        """
        self._suspects_max = suspects_max
        self._lock = Lock()
        self._held = 0
        self._waiting: Counter[str] = Counter()
        """About how many calls wait, by target."""

    @contextmanager
    def batch(self, targets: Iterable[tuple[str, bool, bool]]) -> Iterator[list[bool]]:
        """Which calls of a batch may be made, for as long as they last.

        Args:
            targets: of each call its target, whether that is a suspect, and whether it may be
                called only once, to try it.
        """
        wanted = list(targets)
        suspects = any(suspect for _, suspect, _ in wanted)
        with self._lock:
            holds = suspects and self._held < self._suspects_max
            self._held += holds
        counts: Counter[str] = Counter()
        admitted = []
        for target, suspect, trial in wanted:
            counts[target] += 1
            limit = 1 if trial else SUSPECT_CALLS_MAX
            may = not suspect or (holds and counts[target] <= limit)
            admitted.append(may)
            self._note(target, suspect=suspect, waits=not may)
        try:
            yield admitted
        finally:
            with self._lock:
                self._held -= holds

    def turn_seconds(self, target: str) -> float:
        """The longest wait of a call that was not admitted."""
        with self._lock:
            queues = 1 + self._waiting[target] / SUSPECT_CALLS_MAX
        return min(TURN_SECONDS * queues, TURN_SECONDS_MAX)

    def _note(self, target: str, *, suspect: bool, waits: bool) -> None:
        with self._lock:
            self._waiting[target] += 1 if waits else -1
            if not suspect or self._waiting[target] <= 0:
                del self._waiting[target]
