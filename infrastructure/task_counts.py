"""How many tasks each process has to do, for metrics and `qrledger status`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from infrastructure.postgres.query_connections import QueryConnections

LATE_SECONDS: Final = 30.0
"""A task that has been due for longer than this is late."""
COUNTED_MAX: Final = 100_000
"""Counting ends here, so that a scrape stays cheap."""
_COUNTS: Final = """
select p.name,
       (select count(*) from (
           select from ledger.tasks t
            where t.process = p.name and not parked and attempts = 0
              and waits in (false, true) and due_at <= %(now)s limit %(most)s) c)
     + (select count(*) from (
           select from ledger.tasks t
            where t.process = p.name and not parked and attempts > 0
              and due_at <= %(now)s limit %(most)s) c),
       (select count(*) from (
           select from ledger.tasks t
            where t.process = p.name and not parked and attempts = 0
              and waits in (false, true) and due_at <= %(late)s limit %(most)s) c)
     + (select count(*) from (
           select from ledger.tasks t
            where t.process = p.name and not parked and attempts > 0
              and due_at <= %(late)s limit %(most)s) c),
       (select count(*) from (
           select from ledger.tasks t
            where t.process = p.name and not parked and attempts > 0
              and (attempts > 1 or token is null) limit %(most)s) c),
       (select count(*) from (
           select from ledger.tasks t where t.process = p.name and parked limit %(most)s) c),
       (select min(due_at) from (
           (select due_at from ledger.tasks t
             where t.process = p.name and not parked and attempts = 0 and not waits
             order by due_at limit 1)
           union all
           (select due_at from ledger.tasks t
             where t.process = p.name and not parked and attempts = 0 and waits
             order by due_at limit 1)
           union all
           (select due_at from ledger.tasks t
             where t.process = p.name and not parked and attempts > 0
             order by due_at limit 1)) o)
  from ledger.process_positions p
 order by p.name
"""


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """The tasks of one process; each count ends at 100,000."""

    process: str
    due: int
    """Due by the ledger's time, and not done yet."""
    late: int
    """Due for more than 30 s."""
    retried: int
    """To be repeated, or being repeated."""
    parked: int
    """Waiting for a person."""
    oldest_seconds: float
    """For how long the oldest of the due tasks has been due; 0 if none is."""
    next_at: datetime | None
    """When the next task is due, or was; None if there is none."""


def read_task_counts(connection: Connection[TupleRow], now: datetime) -> list[TaskCounts]:
    """Count the tasks of every process, by name.

    Args:
        connection: a connection to the database.
        now: the ledger's time.

    Raises:
        psycopg.OperationalError: the database is unavailable.
    """
    late = now - timedelta(seconds=LATE_SECONDS)
    parameters = {"now": now, "late": late, "most": COUNTED_MAX}
    return [
        TaskCounts(process, due, late, retried, parked, _age(next_at, now), next_at)
        for process, due, late, retried, parked, next_at in connection.execute(
            _COUNTS, parameters
        ).fetchall()
    ]


class TaskCounter:
    """Counts the tasks on connections that no other query can occupy."""

    def __init__(self, connections: QueryConnections, now: Callable[[], datetime]) -> None:
        self._connections = connections
        self._now = now

    def __call__(self) -> Sequence[TaskCounts]:
        """The tasks of every process.

        Raises:
            LogUnavailable: the database is unavailable.
        """
        with self._connections.connection() as connection:
            return read_task_counts(connection, self._now())


def _age(due_at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - due_at).total_seconds()) if due_at else 0.0
