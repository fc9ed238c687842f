"""The sealer's login: what it may do, and what keeps a login from sealing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import psycopg
import pytest

from infrastructure.postgres.connections import DatabaseRole, connect, role_name
from infrastructure.postgres.migrate import DatabaseNotReady, migrate
from infrastructure.sealing.home import SealHome
from infrastructure.sealing.process import SealProcess
from tests.support.postgres import rows
from tests.support.sealed_ledger import Installation, login

pytestmark = pytest.mark.postgres


@pytest.fixture
def database_url(make_database: Callable[[], str]) -> str:
    """Migrated by itself: the roles of a cloned one are members of its template's."""
    url = make_database()
    migrate(url, mode="test", token_secret=bytes(32))
    return url


@pytest.fixture
def installation(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(database_url, tmp_path / "seal")
    yield made
    made.log.close()


FORBIDDEN = [
    "insert into ledger.events select * from ledger.events",
    "update ledger.events set topic = 'x'",
    "delete from ledger.events",
    "truncate ledger.events",
    "select * from ledger.head for update",
    "update ledger.head set pos = 0",
    "insert into ledger.commands select * from ledger.commands",
    "select * from ledger.identity",
    "select * from ledger.commands",
    "insert into ledger.tasks (process, key, due_at, lane, payload) values ('a', 'b', now(), '', '{}')",
    "create table ledger.mine (a int)",
    "create table seal.mine (a int)",
    "update seal.tiles set root = hashes",
    "delete from seal.tiles",
    "update seal.checkpoints set note = ''",
    "delete from seal.checkpoints",
    "truncate seal.checkpoints",
    "drop table seal.tiles",
    "alter table seal.tiles disable trigger all",
]


def test_the_sealers_login_reads_the_log_and_adds_evidence_only(installation: Installation) -> None:
    allowed = []
    for database_role in (None, DatabaseRole.SEALER):
        with connect(installation.seal_url, database_role) as connection:
            for statement in FORBIDDEN:
                try:
                    connection.execute(statement)
                except psycopg.errors.InsufficientPrivilege:
                    continue
                allowed.append((database_role, statement))
            for function in rows(
                installation.url,
                "select oid::regprocedure::text from pg_proc where proname = 'append'",
            ):
                query = "select has_function_privilege(%s, 'execute')"
                assert connection.execute(query, function).fetchone() == (False,)

    assert allowed == []
    sealer = role_name(urlsplit(installation.url).path.lstrip("/"), DatabaseRole.SEALER)
    granted = rows(
        installation.url,
        "select table_schema || '.' || table_name, string_agg(privilege_type, ',' order by privilege_type)"
        " from information_schema.role_table_grants where grantee = %s group by 1 order by 1",
        sealer,
    )
    assert granted == [
        ("ledger.events", "SELECT"),
        ("ledger.migrations", "SELECT"),
        ("seal.checkpoints", "INSERT,SELECT"),
        ("seal.tiles", "INSERT,SELECT"),
    ]


@pytest.mark.parametrize(
    ("options", "grant", "word"),
    [
        ("superuser", "", "is a superuser"),
        ("createrole", "", "may create roles"),
        ("replication", "", "may replicate"),
        ("", "grant {owner} to {login}", "owns the ledger"),
        ("noinherit", "grant {writer} to {login}", "may write tables of the ledger"),
        ("", "grant {projector} to {login}", "may write tables of the ledger"),
        ("", "grant insert on ledger.events to {login}", "may write tables of the ledger"),
        ("", "grant update (topic) on ledger.events to {login}", "may write tables of the ledger"),
        ("", "grant pg_write_all_data to {login}", "may write everything"),
        ("", "grant create on schema ledger to {login}", "may change the schema"),
    ],
)
def test_a_login_that_could_write_the_log_is_refused(
    database_url: str, tmp_path: Path, options: str, grant: str, word: str
) -> None:
    name, url = login(database_url, "sealer", options)
    database = urlsplit(database_url).path.lstrip("/")
    roles = {str(role): role_name(database, role) for role in DatabaseRole}
    if grant:
        rows(database_url, grant.format(login=name, **roles), fetch=False)

    with pytest.raises(DatabaseNotReady, match=word):
        migrate(database_url, mode="test", token_secret=bytes(32), sealer=name)
    rows(database_url, f"grant {roles['sealer']} to {name}", fetch=False)
    with pytest.raises(DatabaseNotReady, match=word):
        SealProcess(url, SealHome(tmp_path), Event()).run()


def test_the_runtimes_login_may_not_seal(installation: Installation, tmp_path: Path) -> None:
    name, url = login(installation.url, "runtime")
    migrate(installation.url, mode="test", token_secret=bytes(32), runtime=name)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        SealProcess(url, SealHome(tmp_path), Event()).run()
