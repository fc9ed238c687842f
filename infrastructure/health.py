"""How the ledger stands: the head, the read models, the worker's loops; asked at one place."""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import TupleRow

from application.clock_guard import ClockGuard, ClockReading
from application.health import Health, Lag
from infrastructure.event_store import rows
from infrastructure.workers.loops import loop_states
from projections._read_model import all_models
from projections._runner import lags


def health(connection: Connection[TupleRow], guard: ClockGuard) -> Health:
    """Ask the database; a read model that was never built is behind for ever.

    `guard` judges the database's clock, by what this process knows of the ledger's time.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    asked = guard.elapsed()
    [reading] = connection.execute(rows.CLOCK_STATE).fetchall()
    clock = guard.judge(ClockReading(*reading), asked)
    head = connection.execute(rows.HEAD).fetchone()
    known = {lag[0]: Lag(*lag) for lag in lags(connection)}
    return Health(
        position=int(head[0]) if head else 0,
        lags=[known.get(m.name) or Lag(m.name, 0, 0, float("inf")) for m in all_models()],
        clock=clock,
        loops={loop.name: loop.halted_since is not None for loop in loop_states(connection)},
    )
