"""Opens the event log of a database, with a pool of connections of its own."""

from __future__ import annotations

from application.clock_guard import ClockGuard
from application.ports.metrics import Metrics
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import (
    LINK_SECONDS,
    STATEMENT_SECONDS,
    ConnectionPool,
    DatabaseRole,
)
from infrastructure.settings import Settings


def make_guard(settings: Settings, metrics: Metrics | None = None) -> ClockGuard:
    """The judge of the database's clock; one per process, shared by its logs."""
    return ClockGuard(
        ahead_seconds=settings.clock_ahead_seconds,
        behind_seconds=settings.clock_behind_seconds,
        metrics=metrics,
    )


def make_log(
    url: str,
    database_role: DatabaseRole,
    *,
    size_max: int,
    limit_seconds: float = LINK_SECONDS,
    statement_seconds: int = STATEMENT_SECONDS,
    guard: ClockGuard | None = None,
) -> PostgresLog:
    """The event log with a pool of its own; no read takes longer than `limit_seconds`."""
    pool = ConnectionPool(
        url,
        database_role,
        size_max=size_max,
        limit_seconds=limit_seconds,
        statement_seconds=statement_seconds,
    )
    return PostgresLog(pool, guard=guard)
