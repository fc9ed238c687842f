"""The scheduler: virtual time in one thread, with all random choices made by a seed."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from tests.support.memory_log import START

STEPS_MAX: Final = 200_000
FAULTS: Final = (
    "error before commit", "error after commit", "response lost", "delay", "interleaving",
    "duplicate delivery", "late visibility", "crash", "crash in a task", "clock of a process", "slow reader",
    "clock far ahead", "clock far back", "clock a little back", "clock corrected",
    "silent bank", "lagging credits", "processor away", "silent processor", "stale answer",
)  # fmt: skip


class Kernel:
    """Virtual time, a seeded scheduler, and a digest of the trace."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seconds = 0.0
        self.healed = False
        self.trace = hashlib.sha256()
        self.faults: Counter[str] = Counter()
        self.steps = 0
        self._heap: list[tuple[float, float, int, Callable[[], None]]] = []
        self._count = 0
        # Each seed enables about half of the faults, each with its own probability.
        self._chances = {
            fault: self.random.choice([0.0, 0.02, 0.1, 0.3]) if self.random.random() < 0.7 else 0.0
            for fault in FAULTS
        }

    @property
    def now(self) -> datetime:
        """The log's clock."""
        return START + timedelta(seconds=self.seconds)

    def new_id(self) -> UUID:
        """A UUID of version 7, from the seed."""
        number = self.random.getrandbits(128)
        number = (number & ~(0xF << 76)) | (7 << 76)
        return UUID(int=(number & ~(0x3 << 62)) | (0x2 << 62))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Schedule an action; the seed breaks ties."""
        self._count += 1
        entry = (self.seconds + seconds, self.random.random(), self._count, act)
        heapq.heappush(self._heap, entry)

    def occurs(self, fault: str) -> bool:
        """Whether a fault occurs now."""
        chance = self._chances[fault]
        occurs = not self.healed and chance > 0 and self.random.random() < chance
        self.faults[fault] += occurs
        return occurs

    def note(self, *words: object) -> None:
        """Add to the trace."""
        self.trace.update(f"{self.seconds:.6f} {words}\n".encode())

    def run(self, until: float) -> None:
        """Run all actions that are due up to `until`, in virtual seconds."""
        while self._heap and self._heap[0][0] <= until:
            self.step()
        self.seconds = max(self.seconds, until)

    def step(self) -> None:
        """Run the next action. Time never goes back, even if an action took longer than planned."""
        at, _, _, act = heapq.heappop(self._heap)
        self.seconds = max(self.seconds, at)
        self.steps += 1
        if self.steps > STEPS_MAX:
            msg = "the simulation does not end"
            raise AssertionError(msg)
        act()
