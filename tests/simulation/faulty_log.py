"""One process's link to the log: it fails in every way a database and its network can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from application.clock_guard import ClockGuard, ClockState
from application.errors import LogUnavailable
from application.event_log import AppendRequest, LoadResult, Recorded, Verdict
from tests.simulation.kernel import Kernel
from tests.support.memory_log import MemoryLog


class VirtualLog(MemoryLog):
    """The log itself, on the kernel's clock."""

    def __init__(self, kernel: Kernel) -> None:
        guard = ClockGuard(elapsed=lambda: kernel.seconds)
        super().__init__(new_id=kernel.new_id, live=True, guard=guard)
        self._kernel = kernel
        self.skew = timedelta(0)
        """How wrong the database's clock is."""

    def server_now(self) -> datetime:
        return self._kernel.now + self.skew


class FaultyLog:
    """`application.event_log.EventLog` as one process sees it."""

    def __init__(self, log: VirtualLog, kernel: Kernel) -> None:
        self._log = log
        self._kernel = kernel
        self.restart()

    def restart(self) -> None:
        """The process starts anew: it has seen nothing accepted yet."""
        self.guard = ClockGuard(elapsed=lambda: self._kernel.seconds)

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        self._may_fail("error before commit")
        self._may_take_time()
        return self._log.load_as(self.guard, streams, receipts)

    def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        """What the adapter does: an answer that is lost is asked for again, until it gives up."""
        self._may_take_time()
        if self._kernel.strikes("interleaving"):
            self._kernel.step()  # somebody else commits between the load and this append
        self._may_fail("error before commit")
        verdicts = self._log.append_as(self.guard, batch)
        if self._kernel.strikes("error after commit"):
            self._may_take_time()
            verdicts = self._log.append_as(self.guard, batch)
            verdicts = [verdict._replace(resent=True) for verdict in verdicts]
        self._may_fail("answer lost")
        return verdicts

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """A page; what was committed last may show later, but never out of order."""
        self._may_fail("error before commit")
        page = self._log.read(after, limit)
        if page and self._kernel.strikes("late visibility"):
            page = page[: self._kernel.random.randrange(len(page))]
        return page

    def stream(self, stream_id: UUID, *, after: int = 0, up_to: int = 2**62) -> Sequence[Recorded]:
        self._may_fail("error before commit")
        return self._log.stream(stream_id, after=after, up_to=up_to)

    def head(self) -> int:
        return self._log.head()

    def now(self) -> datetime:
        return self.clock_state().now

    def clock_state(self) -> ClockState:
        return self._log.state_as(self.guard)

    def _may_fail(self, fault: str) -> None:
        if self._kernel.strikes(fault):
            raise LogUnavailable(reason=fault)

    def _may_take_time(self) -> None:
        if self._kernel.strikes("delay"):
            self._kernel.seconds += self._kernel.random.choice([0.01, 1, 30, 100])
