"""Who may do what to the log: asked of PostgreSQL's catalogue, and tried."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import pytest

from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import Right, connect, role_name
from tests.support.postgres import rows
from tests.support.world import World

pytestmark = pytest.mark.postgres
RUNTIME = [Right.WRITER, Right.PROJECTOR, Right.READER]
LOG = ["events", "commands", "head"]


def a_role(url: str, right: Right) -> str:
    return role_name(urlsplit(url).path.lstrip("/"), right)


@pytest.mark.parametrize("right", RUNTIME)
@pytest.mark.parametrize("table", LOG)
def test_runtime_roles_may_only_select_on_the_log(
    database_url: str, right: Right, table: str
) -> None:
    wanted = {"SELECT"} if table != "head" else set()
    privileges = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]

    [granted] = rows(
        database_url,
        "select array_agg(p) filter (where has_table_privilege(%s, %s, p)) from unnest(%s::text[]) p",
        a_role(database_url, right),
        f"ledger.{table}",
        privileges,
    )

    assert set(granted[0] or []) == wanted


def test_only_the_writer_may_append(database_url: str) -> None:
    query = """
        select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'ledger' and has_function_privilege(%s, p.oid, 'execute')
           and p.prosecdef
    """

    assert rows(database_url, query, a_role(database_url, Right.WRITER)) == [("append",)]
    assert rows(database_url, query, a_role(database_url, Right.READER)) == []
    assert rows(database_url, query, a_role(database_url, Right.PROJECTOR)) == []


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
        "create or replace function ledger.server_now() returns timestamptz language sql as 'select now()'",
        "create or replace function ledger.now() returns timestamptz language sql as 'select now()'",
    ],
)
def test_even_a_superusers_url_runs_with_few_rights(database_url: str, statement: str) -> None:
    with connect(database_url, Right.WRITER) as connection:
        assert connection.execute("select session_user::text").fetchone() == ("qrledger",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize("table", ["events", "commands"])
@pytest.mark.parametrize(
    "statement", ["update {} set recorded_at = now()", "delete from {}", "truncate {}"]
)
def test_the_second_wall_stops_the_owner(
    database_url: str, postgres_log: PostgresLog, table: str, statement: str
) -> None:
    World(postgres_log).a_wallet()
    before = rows(database_url, f"select count(*) from ledger.{table}")

    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
    ):
        connection.execute(statement.format(f"ledger.{table}"))

    assert rows(database_url, f"select count(*) from ledger.{table}") == before


def test_the_roles_cannot_log_in(database_url: str) -> None:
    names = [a_role(database_url, right) for right in Right]

    assert rows(
        database_url,
        "select count(*) from pg_roles where rolname = any(%s) and not rolcanlogin",
        names,
    ) == [(4,)]


def test_the_head_follows_the_log(database_url: str, postgres_log: PostgresLog) -> None:
    World(postgres_log).a_session()

    [(head, last, count)] = rows(
        database_url,
        "select (select pos from ledger.head), max(notification_id), count(*) from ledger.events",
    )

    assert head == last == count
