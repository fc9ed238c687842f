"""How the worker's loops go, told through the database to whoever asks: readiness, metrics, status.

The worker is a process of its own. It writes one row per loop when it begins to lead and whenever
something has changed; the API reads them. Rows of a worker that died stay as it left them: its
read models show their lag, and the next leader writes its own.
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
    """One loop of the worker, as it last told."""

    name: str
    halted_since: datetime | None
    reason: str | None
    """The class of the error that halted it."""


class LoopReport:
    """Writes what has changed, all rows in one transaction."""

    def __init__(self, loops: Callable[[], Mapping[str, Halt | None]]) -> None:
        self._loops = loops
        self._told: Mapping[str, Halt | None] | None = None

    def __call__(self, connection: Connection[TupleRow]) -> None:
        """Write the rows if they are not as last told.

        Raises:
            psycopg.Error: they could not be written; told again at the next call.
        """
        loops = self._loops()
        if loops == self._told:
            return
        with connection.transaction():
            connection.execute("delete from ledger.worker_loops")
            for name, halt in loops.items():
                connection.execute(
                    "insert into ledger.worker_loops (name, halted_since, reason) "
                    "values (%s, %s, %s)",
                    (name, halt and halt.since, halt and halt.reason),
                )
        self._told = loops


def loop_states(connection: Connection[TupleRow]) -> list[LoopState]:
    """Every loop of the worker, by name; none before a worker has ever led.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    query = "select name, halted_since, reason from ledger.worker_loops order by name"
    return [LoopState(*row) for row in connection.execute(query).fetchall()]
