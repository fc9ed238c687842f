"""The tickets of the live socket in PostgreSQL: one use, by the ledger's time, by whom it may be."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from uuid_utils.compat import uuid7

from infrastructure.postgres import live_tickets as module
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.live_tickets import PostgresLiveTickets
from infrastructure.postgres.query_connections import QueryConnections
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres
MINUTE = timedelta(minutes=1)


@contextmanager
def tickets_as(url: str, role: DatabaseRole) -> Iterator[PostgresLiveTickets]:
    pool = ConnectionPool(url, role, size_max=8)
    try:
        yield PostgresLiveTickets(QueryConnections(pool).connection)
    finally:
        pool.close()


def now(url: str) -> Any:
    return rows(url, "select ledger.now()")[0][0]


def test_the_api_issues_a_ticket_and_the_notifier_uses_it_once(database_url: str) -> None:
    with (
        tickets_as(database_url, DatabaseRole.WRITER) as api,
        tickets_as(database_url, DatabaseRole.READER) as notifier,
    ):
        ticket = uuid7()
        api.keep(ticket, now(database_url) + MINUTE)

        assert notifier.take(uuid7()) is False
        assert notifier.take(ticket) is True
        assert notifier.take(ticket) is False
        assert rows(database_url, "select count(*) from ledger.live_tickets") == [(0,)]


def test_of_many_notifiers_at_once_one_uses_it(database_url: str) -> None:
    with (
        tickets_as(database_url, DatabaseRole.WRITER) as api,
        tickets_as(database_url, DatabaseRole.READER) as notifier,
        ThreadPoolExecutor(8) as threads,
    ):
        for _ in range(10):
            ticket = uuid7()
            api.keep(ticket, now(database_url) + MINUTE)

            assert sum(threads.map(lambda _n, t=ticket: notifier.take(t), range(16))) == 1


def test_a_late_ticket_is_not_usable_and_swept_when_the_next_is_issued(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEPT_MAX", 2)
    with tickets_as(database_url, DatabaseRole.WRITER) as api:
        late = [uuid7() for _ in range(3)]
        for ticket in late:
            api.keep(ticket, now(database_url) + MINUTE)
        with psycopg.connect(database_url) as owner:
            owner.execute("update ledger.live_tickets set expires_at = ledger.now()")

        assert [api.take(ticket) for ticket in late] == [False] * 3
        api.keep(fresh := uuid7(), now(database_url) + MINUTE)

        kept = rows(database_url, "select id from ledger.live_tickets")
        assert len(kept) == 2
        assert (fresh,) in kept


def test_the_notifier_can_issue_none(database_url: str) -> None:
    with tickets_as(database_url, DatabaseRole.READER) as notifier:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            notifier.keep(uuid7(), now(database_url) + MINUTE)

        assert rows(database_url, "select count(*) from ledger.live_tickets") == [(0,)]
