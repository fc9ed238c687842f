"""Privileges on the log, checked in PostgreSQL's catalog and by trying."""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import pytest

from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole, connect, role_name
from infrastructure.postgres.migrate import DatabaseNotReady, check, migrate
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres
RUNTIME = [DatabaseRole.WRITER, DatabaseRole.PROJECTOR, DatabaseRole.READER]
LOG = ["events", "commands", "head"]
OPERATIONAL = {
    "attempt_notes", "fx_rates", "live_tickets", "logos", "process_positions", "processor_callbacks",
    "processor_references", "processor_rests", "push_subscriptions", "sandbox_charges", "snapshots", "tasks",
    "used_tokens", "webhook_attempts", "webhook_deliveries", "webhook_health", "worker_loops",
}  # fmt: skip
"""Tables of `ledger` that are not part of the history: none of them decides about money."""
CHANGES = ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]


@pytest.fixture
def database_url(make_database: Callable[[], str]) -> str:
    """A ledger migrated by itself: the roles of a cloned one are members of its template's."""
    url = make_database()
    migrate(url, mode="test", token_secret=bytes(32))
    return url


def role_in(url: str, database_role: DatabaseRole) -> str:
    return role_name(urlsplit(url).path.lstrip("/"), database_role)


@pytest.mark.parametrize("database_role", RUNTIME)
@pytest.mark.parametrize("table", LOG)
def test_runtime_roles_may_only_select_on_the_log(
    database_url: str, database_role: DatabaseRole, table: str
) -> None:
    # The head is the writer's lock: only the audit, a reader, reads it.
    expected = {"SELECT"} if table != "head" or database_role is DatabaseRole.READER else set()
    privileges = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]

    [granted] = rows(
        database_url,
        "select array_agg(p) filter (where has_table_privilege(%s, %s, p)) from unnest(%s::text[]) p",
        role_in(database_url, database_role),
        f"ledger.{table}",
        privileges,
    )

    assert set(granted[0] or []) == expected


def test_only_the_writer_may_append(database_url: str) -> None:
    query = """
        select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'ledger' and has_function_privilege(%s, p.oid, 'execute')
           and p.prosecdef
    """

    assert rows(database_url, query, role_in(database_url, DatabaseRole.WRITER)) == [("append",)]
    assert rows(database_url, query, role_in(database_url, DatabaseRole.READER)) == []
    assert rows(database_url, query, role_in(database_url, DatabaseRole.PROJECTOR)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "insert into ledger.events select * from ledger.events",
        "update ledger.events set topic = 'x'",
        "delete from ledger.events",
        "truncate ledger.events",
        "update ledger.commands set fingerprint = ''",
        "select * from ledger.head",
        "create table ledger.mine (a int)",
        "alter table ledger.events disable trigger all",
        "drop function ledger.append",
        "update ledger.clock set accepted_offset = '1 day'",
        "update ledger.clock set advanced_seconds = 60",
        "create or replace function ledger.server_now() returns timestamptz language sql as 'select now()'",
        "create or replace function ledger.now() returns timestamptz language sql as 'select now()'",
    ],
)
def test_a_superusers_connection_has_the_rights_of_its_role_only(
    database_url: str, statement: str
) -> None:
    with connect(database_url, DatabaseRole.WRITER) as connection:
        assert connection.execute("select session_user::text").fetchone() == ("qrledger",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize("table", ["events", "commands"])
@pytest.mark.parametrize(
    "statement", ["update {} set recorded_at = now()", "delete from {}", "truncate {}"]
)
def test_triggers_stop_the_owner(
    database_url: str, postgres_log: PostgresLog, table: str, statement: str
) -> None:
    LedgerFixture(postgres_log).open_wallet()
    before = rows(database_url, f"select count(*) from ledger.{table}")

    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
    ):
        connection.execute(statement.format(f"ledger.{table}"))

    assert rows(database_url, f"select count(*) from ledger.{table}") == before


def test_the_roles_cannot_log_in(database_url: str) -> None:
    names = [role_in(database_url, database_role) for database_role in DatabaseRole]

    assert rows(
        database_url,
        "select count(*) from pg_roles where rolname = any(%s) and not rolcanlogin",
        names,
    ) == [(5,)]


def test_the_head_follows_the_log(database_url: str, postgres_log: PostgresLog) -> None:
    LedgerFixture(postgres_log).create_session()

    [(head, last, count)] = rows(
        database_url,
        "select (select pos from ledger.head), max(notification_id), count(*) from ledger.events",
    )

    assert head == last == count


def make_login(url: str, options: str = "") -> tuple[str, str]:
    """A login created by the operator: its name and its URL."""
    parts = urlsplit(url)
    name = parts.path.lstrip("/") + "_runtime"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create role {name} login password 'secret' {options}")
    where = parts.netloc.rpartition("@")[2]
    return name, parts._replace(netloc=f"{name}:secret@{where}").geturl()


@pytest.fixture
def runtime_url(database_url: str) -> str:
    """The URL of a login prepared by `qrledger migrate --runtime LOGIN`."""
    name, url = make_login(database_url)
    migrate(database_url, mode="test", token_secret=b"s" * 32, runtime=name)
    return url


FORBIDDEN = [
    "set role {owner}",
    "reset role; set role {owner}",
    "set session authorization qrledger",
    "set session authorization {owner}",
    "grant {owner} to {login}",
    "alter role {login} superuser",
    "reset role; insert into ledger.events select * from ledger.events",
    "reset role; update ledger.events set topic = 'x'",
    "reset role; delete from ledger.events",
    "reset role; truncate ledger.events",
    "reset role; insert into ledger.commands select * from ledger.commands",
    "reset role; update ledger.commands set fingerprint = ''",
    "reset role; delete from ledger.commands",
    "reset role; update ledger.head set pos = 0",
    "reset role; delete from ledger.identity",
    "reset role; update ledger.migrations set digest = ''",
    "reset role; alter table ledger.events disable trigger all",
    "reset role; alter table ledger.events owner to {login}",
    "reset role; drop trigger append_only on ledger.events",
    "reset role; set session_replication_role = replica",
    "reset role; alter function ledger.now() owner to {login}",
    "reset role; create table ledger.mine (a int)",
    "reset role; drop schema ledger cascade",
]


def test_the_runtime_login_cannot_gain_rights(runtime_url: str) -> None:
    names = {
        "owner": role_in(runtime_url, DatabaseRole.OWNER),
        "login": urlsplit(runtime_url).username,
    }
    allowed = []
    for database_role in (None, *RUNTIME):
        with connect(runtime_url, database_role) as connection:
            for statement in FORBIDDEN:
                *before, last = statement.format(**names).split("; ")
                for preparation in before:
                    connection.execute(preparation)
                try:
                    connection.execute(last)
                except psycopg.errors.InsufficientPrivilege:
                    continue
                allowed.append((database_role, statement))

    assert allowed == []


def test_no_runtime_role_owns_or_changes_the_log(runtime_url: str) -> None:
    login = str(urlsplit(runtime_url).username)
    roles = [login, *(role_in(runtime_url, database_role) for database_role in RUNTIME)]
    with psycopg.connect(runtime_url) as connection:
        changeable = connection.execute(
            "select distinct c.relname from pg_class c, unnest(%s::text[]) r, unnest(%s::text[]) p"
            " where c.relnamespace = 'ledger'::regnamespace and c.relkind in ('r', 'v', 'm', 'p', 'f')"
            " and has_table_privilege(r, c.oid, p)",
            (roles, CHANGES),
        ).fetchall()
        columns = connection.execute(
            "select distinct c.relname from pg_class c, unnest(%s::text[]) r,"
            " unnest(array['INSERT', 'UPDATE']) p where c.relnamespace = 'ledger'::regnamespace"
            " and c.relkind in ('r', 'p') and has_any_column_privilege(r, c.oid, p)",
            (roles,),
        ).fetchall()
        owned = connection.execute(
            "select relname::text from pg_class where relnamespace = 'ledger'::regnamespace"
            " and relowner::regrole::text = any(%(roles)s) union all "
            "select proname::text from pg_proc where pronamespace = 'ledger'::regnamespace"
            " and proowner::regrole::text = any(%(roles)s) union all "
            "select nspname::text from pg_namespace where nspname = 'ledger'"
            " and (nspowner::regrole::text = any(%(roles)s)"
            " or exists (select from unnest(%(roles)s::text[]) r"
            " where has_schema_privilege(r, oid, 'create')))",
            {"roles": roles},
        ).fetchall()
        attributes = connection.execute(
            "select rolname from pg_roles where rolname = any(%s) and (rolsuper or rolcreaterole"
            " or rolcreatedb or rolreplication or rolbypassrls)",
            (roles,),
        ).fetchall()
        member = connection.execute(
            "select r.rolname::text from pg_roles r where r.rolname <> %s"
            " and pg_has_role(%s, r.oid, 'member')",
            (login, login),
        ).fetchall()

    assert {name for (name,) in changeable} == OPERATIONAL
    assert {name for (name,) in columns} == OPERATIONAL
    assert owned == []
    assert attributes == []
    assert {name for (name,) in member} == set(roles[1:])


def test_the_runtime_login_can_run_the_program(
    database_url: str, runtime_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert check(runtime_url) == "test"
    assert caplog.records == []

    log = PostgresLog(ConnectionPool(runtime_url, DatabaseRole.WRITER, size_max=2))
    LedgerFixture(log).create_session()
    log.close()
    migrate(
        database_url,
        mode="test",
        token_secret=b"s" * 32,
        runtime=str(urlsplit(runtime_url).username),
    )

    assert rows(database_url, "select count(*) from ledger.events") == [(4,)]


def test_the_owners_url_works_for_the_runtime_with_a_warning(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert check(database_url) == "test"

    [record] = caplog.records
    assert "'qrledger' is a superuser" in record.getMessage()
    assert "migrate --runtime" in record.getMessage()


@pytest.mark.parametrize(
    ("options", "grant", "word"),
    [
        ("superuser", "", "is a superuser"),
        ("createrole", "", "may create roles"),
        ("", "grant {owner} to {login}", "member of the ledger's owner"),
    ],
)
def test_a_login_that_could_rewrite_the_log_is_refused(
    database_url: str, options: str, grant: str, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    name, url = make_login(database_url, options)
    if grant:
        owner = role_in(database_url, DatabaseRole.OWNER)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(grant.format(owner=owner, login=name))

    with pytest.raises(DatabaseNotReady, match=word):
        migrate(database_url, mode="test", token_secret=b"s" * 32, runtime=name)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"grant {role_in(database_url, DatabaseRole.WRITER)} to {name}")
    assert check(url) == "test"

    assert word in caplog.text


def test_a_missing_login_is_reported(database_url: str) -> None:
    with pytest.raises(DatabaseNotReady, match="no login 'nobody_here'"):
        migrate(database_url, mode="test", token_secret=b"s" * 32, runtime="nobody_here")
