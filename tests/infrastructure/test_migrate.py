"""Migrations: at any time, concurrently, and with clear errors."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest

from application.processes.process import Start, all_processes
from infrastructure.postgres import migrate as module
from infrastructure.postgres.connections import DatabaseRole, role_name
from infrastructure.postgres.migrate import (
    TRIES_MAX,
    DatabaseNotReady,
    Migration,
    check,
    migrate,
    migrations,
)
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres
SECRET = b"s" * 32


def test_concurrent_migrations_create_one_ledger(make_database: Callable[[], str]) -> None:
    url = make_database()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: migrate(url, mode="test", token_secret=SECRET), range(8)))

    assert sorted(map(len, done)) == [0] * 7 + [len(module.migrations())]
    assert check(url) == "test"


def test_the_mode_is_fixed(database_url: str) -> None:
    with pytest.raises(DatabaseNotReady, match="test ledger"):
        migrate(database_url, mode="live", token_secret=SECRET)


def test_the_secret_is_created_once(database_url: str) -> None:
    before = rows(database_url, "select token_secret from ledger.identity")

    migrate(database_url, mode="test", token_secret=b"t" * 32)

    assert rows(database_url, "select token_secret from ledger.identity") == before


def test_an_empty_database_is_reported(make_database: Callable[[], str]) -> None:
    with pytest.raises(DatabaseNotReady, match="qrledger migrate"):
        check(make_database())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("delete from ledger.migrations where number = 2", "half migrated"),
        ("insert into ledger.migrations values (9999, 'x', '')", "unknown to this program"),
        ("update ledger.migrations set digest = '' where number = 1", "another text"),
        ("delete from ledger.identity", "identity"),
    ],
)
def test_an_unusable_database_is_reported(database_url: str, change: str, word: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(change)

    with pytest.raises(DatabaseNotReady, match=word):
        check(database_url)


def test_an_old_server_is_reported(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VERSION_MIN", 990_000)

    with pytest.raises(DatabaseNotReady, match="too old"):
        check(database_url)


def test_an_ordinary_owner_without_superuser_can_migrate_and_run(
    make_database: Callable[[], str],
) -> None:
    url = make_database()
    name = urlsplit(url).path.lstrip("/")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create role {name}_login login createrole password 'secret'")
        connection.execute(f"alter database {name} owner to {name}_login")
        connection.execute(f"create role {name}_app login password 'secret'")
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    own, app = (
        parts._replace(netloc=f"{name}_{who}:secret@{where}").geturl() for who in ("login", "app")
    )

    migrate(own, mode="test", token_secret=SECRET)
    assert check(own) == "test"
    with pytest.raises(DatabaseNotReady, match="migrate --runtime LOGIN"):
        check(app)
    migrate(own, mode="test", token_secret=SECRET, runtime=f"{name}_app")

    assert check(app) == "test"
    owner = role_name(name, DatabaseRole.OWNER)
    with psycopg.connect(app) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"set role {owner}")


def test_a_login_without_rights_is_reported(make_database: Callable[[], str]) -> None:
    url = make_database()
    name = urlsplit(url).path.lstrip("/")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create role {name}_poor login password 'secret'")
    parts = urlsplit(url)
    poor = parts._replace(netloc=f"{name}_poor:secret@{parts.netloc.rpartition('@')[2]}").geturl()

    with pytest.raises(DatabaseNotReady, match="may not migrate"):
        migrate(poor, mode="test", token_secret=SECRET)


@pytest.mark.parametrize("deadlocks", [1, TRIES_MAX - 1, TRIES_MAX])
def test_a_migration_that_meets_a_deadlock_is_applied_again(
    database_url: str, deadlocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(database_url, "create sequence public.tries", fetch=False)
    rows(database_url, "grant all on sequence public.tries to public", fetch=False)
    text = (
        f"do $$ begin if nextval('public.tries') <= {deadlocks} then "
        "raise exception using errcode = 'deadlock_detected'; end if; end $$"
    )
    every = [*migrations(), Migration(9999, "9999_deadlock.sql", text)]
    monkeypatch.setattr(module, "migrations", lambda: every)

    def migrated() -> list[str]:
        return migrate(database_url, mode="test", token_secret=bytes(32))

    if deadlocks == TRIES_MAX:
        with pytest.raises(psycopg.errors.DeadlockDetected):
            migrated()
    assert migrated() == ["9999_deadlock.sql"]
    assert migrated() == []


def test_what_happens_before_the_first_worker_starts_counts(database_url: str) -> None:
    """A process that counts from its release has its position since the migration."""
    since_release = {one.name for one in all_processes() if one.starts is Start.RELEASE}

    stored = rows(database_url, "select name, position from ledger.process_positions")

    assert since_release == {"push", "webhooks"}
    assert {name for name, position in stored if position == 0} >= since_release
