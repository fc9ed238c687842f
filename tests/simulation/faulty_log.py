"""A process's connection to the log, with the faults of a database and its network."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from application.clock_guard import ClockGuard, ClockState
from application.consumer import Page
from application.errors import LogUnavailable
from application.event_log import AppendRequest, LoadResult, Recorded, Verdict
from tests.simulation.kernel import Kernel
from tests.support.memory_log import MemoryLog


class VirtualLog(MemoryLog):
    """The log, on the kernel's clock."""

    def __init__(self, kernel: Kernel) -> None:
        guard = ClockGuard(elapsed=lambda: kernel.seconds)
        super().__init__(new_id=kernel.new_id, live=True, guard=guard)
        self._kernel = kernel
        self.skew = timedelta(0)
        """The error of the database's clock."""

    def server_now(self) -> datetime:
        return self._kernel.now + self.skew


class FaultyLog:
    """An `application.event_log.EventLog` as one process sees it."""

    def __init__(self, log: VirtualLog, kernel: Kernel) -> None:
        self._log = log
        self._kernel = kernel
        self.restart()

    def restart(self) -> None:
        """The process restarts, so it has no witness yet."""
        self.guard = ClockGuard(elapsed=lambda: self._kernel.seconds)

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        self._fail_sometimes("error before commit")
        self._delay_sometimes()
        return self._log.load_as(self.guard, streams, receipts)

    def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        """Resends the batch after a lost response, as the adapter does."""
        self._delay_sometimes()
        if self._kernel.occurs("interleaving"):
            self._kernel.step()  # another process commits between the load and this append
        self._fail_sometimes("error before commit")
        verdicts = self._log.append_as(self.guard, batch)
        if self._kernel.occurs("error after commit"):
            self._delay_sometimes()
            verdicts = self._log.append_as(self.guard, batch)
            verdicts = [verdict._replace(resent=True) for verdict in verdicts]
        self._fail_sometimes("response lost")
        return verdicts

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        self._fail_sometimes("error before commit")
        return self._log.read(after, limit)

    def page(self, after: int, limit: int, topics: Collection[str]) -> Page:
        """A page; the latest commits may become visible late, but never out of order."""
        self._fail_sometimes("error before commit")
        visible = min(limit, max(0, self._log.head() - after))
        if visible and self._kernel.occurs("late visibility"):
            visible = self._kernel.random.randrange(visible)
        return self._log.page(after, visible, topics)

    def stream(self, stream_id: UUID, *, after: int = 0, up_to: int = 2**62) -> Sequence[Recorded]:
        self._fail_sometimes("error before commit")
        return self._log.stream(stream_id, after=after, up_to=up_to)

    def head(self) -> int:
        self._fail_sometimes("error before commit")
        return self._log.head()

    def now(self) -> datetime:
        return self.clock_state().now

    def clock_state(self) -> ClockState:
        return self._log.state_as(self.guard)

    def _fail_sometimes(self, fault: str) -> None:
        if self._kernel.occurs(fault):
            raise LogUnavailable(reason=fault)

    def _delay_sometimes(self) -> None:
        if self._kernel.occurs("delay"):
            self._kernel.seconds += self._kernel.random.choice([0.01, 1, 30, 100])
