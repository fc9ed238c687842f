"""A store of tasks in memory; what PostgreSQL does with rows, indexes and locks, as plainly as possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from threading import RLock
from uuid import UUID

from application.ports.tasks import (
    Changes,
    ClaimedTask,
    Finished,
    Parked,
    Progress,
    Retried,
    Settlement,
)
from application.processes.process import Task


@dataclass
class Row:
    """One stored task."""

    task: Task
    number: int
    due_at: datetime
    attempts: int = 0
    cancelled: bool = False
    token: UUID | None = None
    leased_at: datetime | None = None
    parked: bool = False
    reason: str = ""


def _by_time(row: Row) -> tuple[datetime, int]:
    return row.due_at, row.number


class MemoryTasks:
    """An `application.ports.tasks.TaskStore` for tests and simulations."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        """The store's own clock, which ends leases."""
        self._lock = RLock()
        self._number = 0
        self.rows: dict[tuple[str, str], Row] = {}
        self.positions: dict[str, Progress] = {}

    def progress(self, process: str) -> Progress | None:
        return self.positions.get(process)

    def begin(self, process: str, position: int, topics: frozenset[str]) -> None:
        with self._lock:
            known = self.positions.get(process)
            self.positions[process] = Progress(known.position if known else position, topics)

    def replay(self, process: str, changes: Changes) -> None:
        with self._lock:
            self._apply(process, changes)

    def record(self, process: str, after: int, last: int, changes: Changes) -> int:
        with self._lock:
            position, topics = self.positions[process]
            if position != after:
                return position
            self._apply(process, changes)
            self.positions[process] = Progress(last, topics)
            return last

    def claim(
        self,
        process: str,
        *,
        now: datetime,
        tasks_max: int,
        repeats_max: int,
        lease_seconds: float,
        token: UUID,
    ) -> Sequence[ClaimedTask]:
        with self._lock:
            at, lease = self._clock(), timedelta(seconds=lease_seconds)
            free = [
                row
                for row in self._heads(process)
                if row.due_at <= now and (row.leased_at is None or abs(at - row.leased_at) >= lease)
            ]
            repeats = nsmallest(
                min(repeats_max, tasks_max), (row for row in free if row.attempts), key=_by_time
            )
            fresh = nsmallest(tasks_max, (row for row in free if not row.attempts), key=_by_time)
            claimed = (repeats + fresh)[:tasks_max]
            for row in claimed:
                row.attempts += 1
                row.token, row.leased_at = token, at
            return [
                ClaimedTask(replace(row.task, due_at=row.due_at), row.attempts) for row in claimed
            ]

    def settle(
        self, process: str, token: UUID, settlements: Sequence[Settlement]
    ) -> frozenset[str]:
        with self._lock:
            settled = set()
            for settlement in settlements:
                row = self.rows.get((process, settlement.key))
                if row is None or row.token != token:
                    continue
                settled.add(settlement.key)
                row.token = row.leased_at = None
                if isinstance(settlement, Finished) or row.cancelled:
                    del self.rows[process, settlement.key]
                if isinstance(settlement, Finished):
                    self._insert(process, settlement.tasks)
                elif isinstance(settlement, Retried):
                    row.due_at, row.attempts = settlement.due_at, settlement.attempts
                    row.reason = settlement.reason
                elif isinstance(settlement, Parked):
                    row.parked, row.reason = True, settlement.reason
            return frozenset(settled)

    def retry(self, process: str, keys: Sequence[str]) -> Sequence[str]:
        """What `qrledger tasks retry` does: parked tasks go to the end of their lanes."""
        with self._lock:
            parked = [key for key in keys if self._is_parked(process, key)]
            for key in parked:
                row = self.rows[process, key]
                self._number += 1
                row.parked, row.attempts, row.number = False, 0, self._number
            return parked

    def _is_parked(self, process: str, key: str) -> bool:
        row = self.rows.get((process, key))
        return row is not None and row.parked

    def _heads(self, process: str) -> list[Row]:
        lanes: dict[str, Row] = {}
        heads = []
        for (name, _), row in self.rows.items():
            lane = row.task.lane
            if name != process or row.parked:
                continue
            if not lane:
                heads.append(row)
            elif lane not in lanes or row.number < lanes[lane].number:
                lanes[lane] = row
        return [*heads, *lanes.values()]

    def _apply(self, process: str, changes: Changes) -> None:
        for key in changes.cancelled:
            row = self.rows.get((process, key))
            if row is not None and row.token is not None:
                row.cancelled = True
            elif row is not None:
                del self.rows[process, key]
        self._insert(process, changes.tasks)

    def _insert(self, process: str, tasks: Sequence[Task]) -> None:
        for task in tasks:
            row = self.rows.get((process, task.key))
            if row is not None:
                row.cancelled = False
                continue
            self._number += 1
            self.rows[process, task.key] = Row(task, self._number, task.due_at)
