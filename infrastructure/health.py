"""Reads the health of the ledger: the head, the read models, the worker's loops, the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psycopg import Connection
from psycopg.rows import TupleRow

from application.clock_guard import ClockGuard, ClockReading
from application.health import Health, Lag
from infrastructure.event_store import rows
from infrastructure.postgres.query_connections import QueryConnections
from infrastructure.workers.loops import loop_states

ReadLags = Callable[[Connection[TupleRow]], Sequence[Lag]]
"""Reads the lag of every read model."""


def read_health(connection: Connection[TupleRow], guard: ClockGuard, read_lags: ReadLags) -> Health:
    """Query the health of the ledger.

    Args:
        connection: a connection to the database.
        guard: judges the database's clock by what this process knows of the ledger's time.
        read_lags: reads the lags of the read models.

    Raises:
        psycopg.OperationalError: the database is unavailable.
    """
    elapsed = guard.elapsed()
    [reading] = connection.execute(rows.CLOCK_STATE).fetchall()
    clock = guard.judge(ClockReading(*reading), elapsed)
    head = connection.execute(rows.HEAD).fetchone()
    return Health(
        position=int(head[0]) if head else 0,
        lags=read_lags(connection),
        clock=clock,
        loops={loop.name: loop.halted_since is not None for loop in loop_states(connection)},
    )


class HealthCheck:
    """Reads the health of the ledger on connections that no other query can occupy."""

    def __init__(
        self, connections: QueryConnections, guard: ClockGuard, read_lags: ReadLags
    ) -> None:
        self._connections = connections
        self._guard = guard
        self._read_lags = read_lags

    def __call__(self) -> Health:
        """The health of the ledger; returns within 2 s.

        Raises:
            LogUnavailable: the database is unavailable.
        """
        with self._connections.connection() as connection:
            return read_health(connection, self._guard, self._read_lags)
