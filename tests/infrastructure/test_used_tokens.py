"""Tokens that may be used once: one contract, in PostgreSQL and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from application.ports.used_tokens import UsedTokens
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.used_tokens import DELETED_MAX, KEPT_HOURS, PostgresUsedTokens
from tests.support.memory_tokens import MemoryUsedTokens
from tests.support.postgres import rows


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> Iterator[UsedTokens]:
    if request.param == "memory":
        yield MemoryUsedTokens()
        return
    pool = ConnectionPool(request.getfixturevalue("database_url"), DatabaseRole.WRITER, size_max=4)
    yield PostgresUsedTokens(pool.connection)
    pool.close()


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=60)


def test_a_token_is_used_once(store: UsedTokens) -> None:
    assert store.use("one", soon())
    assert not store.use("one", soon())
    assert store.use("two", soon())


def test_of_many_uses_at_the_same_time_one_counts(store: UsedTokens) -> None:
    with ThreadPoolExecutor(4) as threads:
        used = list(threads.map(lambda _: store.use("one", soon()), range(12)))

    assert sorted(used) == [False] * 11 + [True]


@pytest.mark.postgres
def test_tokens_that_expired_long_ago_are_deleted_some_at_a_time(database_url: str) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=1)
    store = PostgresUsedTokens(pool.connection)
    now = datetime.now(UTC)
    with pool.connection() as connection:
        connection.execute(
            "insert into ledger.used_tokens select sha256(n::text::bytea), %s"
            "  from generate_series(1, %s) n",
            (now - timedelta(hours=KEPT_HOURS + 1), DELETED_MAX + 3),
        )
    store.use("recent", now - timedelta(hours=KEPT_HOURS - 1))
    store.use("new", soon())

    assert rows(database_url, "select count(*) from ledger.used_tokens") == [(2,)]
    assert not store.use("recent", soon())
    pool.close()
