"""A live ledger whose clock the test controls, on the memory log and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application.clock_guard import ClockGuard
from application.event_log import EventLog
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.clock_fixture import ClockFixture, MemoryStore, SharedMemoryLog
from tests.support.postgres import TestClock, rows


@pytest.fixture(params=["memory", "postgres"])
def clocked(request: pytest.FixtureRequest) -> Iterator[ClockFixture]:
    if request.param == "memory":
        store = MemoryStore()
        yield ClockFixture(lambda guard: SharedMemoryLog(store.log, guard), store)
        return
    url = request.getfixturevalue("database_url")
    rows(url, "update ledger.identity set mode = 'live' returning 1")
    logs: list[PostgresLog] = []

    def make(guard: ClockGuard) -> EventLog:
        logs.append(PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=2), guard=guard))
        return logs[-1]

    yield ClockFixture(make, TestClock(url))
    for log in logs:
        log.close()
