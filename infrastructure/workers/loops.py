"""The state of the worker's loops, stored in the database for readiness, metrics and status.

The worker is a process of its own. It writes one row per loop when it becomes the leader and after
every change; the API reads them. The rows of a dead worker remain until the next leader writes its
own; meanwhile the lags of the read models show that the worker is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from infrastructure.workers.supervisor import Halt


@dataclass(frozen=True, slots=True)
class LoopState:
    """The last reported state of one loop."""

    name: str
    halted_since: datetime | None
    reason: str | None
    """The class of the error that halted it."""


class LoopReport:
    """Writes the states when they have changed, all rows in one transaction."""

    def __init__(self, loops: Callable[[], Mapping[str, Halt | None]]) -> None:
        self._loops = loops
        self._reported: Mapping[str, Halt | None] | None = None

    def __call__(self, connection: Connection[TupleRow]) -> None:
        """Write the rows if they differ from the last report.

        Raises:
            psycopg.Error: the rows could not be written; the next call tries again.
        """
        loops = self._loops()
        if loops == self._reported:
            return
        with connection.transaction():
            connection.execute("delete from ledger.worker_loops")
            for name, halt in loops.items():
                connection.execute(
                    "insert into ledger.worker_loops (name, halted_since, reason) "
                    "values (%s, %s, %s)",
                    (name, halt and halt.since, halt and halt.reason),
                )
        self._reported = loops


def loop_states(connection: Connection[TupleRow]) -> list[LoopState]:
    """Every loop of the worker, by name; none before the first leader.

    Raises:
        psycopg.OperationalError: the database is unavailable.
    """
    query = "select name, halted_since, reason from ledger.worker_loops order by name"
    return [LoopState(*row) for row in connection.execute(query).fetchall()]
