"""Plans live as long as their connection: one made for a small log must use the keys, too."""

from __future__ import annotations

import re

import pytest
from uuid_utils.compat import uuid7

from infrastructure.event_store import rows
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import DatabaseRole, connect
from tests.support.ledger_fixture import LedgerFixture

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("sessions", [0, 1, 60])
def test_streams_and_receipts_are_found_by_key_in_a_log_of_any_size(
    postgres_log: PostgresLog, database_url: str, sessions: int
) -> None:
    ledger = LedgerFixture(postgres_log)
    for _ in range(sessions):
        ledger.create_session()
    with connect(database_url, None) as owner:
        owner.execute("analyze ledger.events, ledger.commands")
    ids = ", ".join(f"'{uuid7()}'" for _ in range(36))

    with connect(database_url, DatabaseRole.WRITER) as connection:
        query = rows.LOAD._query.decode()
        connection.execute(f"prepare load (uuid[], bigint[], uuid[]) as {query}".encode())
        ask = f"execute load (array[{ids}]::uuid[], array_fill(0::bigint, '{{36}}'), '{{}}')"
        found = connection.execute(f"explain (costs off) {ask}".encode()).fetchall()

    plan = "\n".join(line for (line,) in found)
    scans = re.findall(r"(\w+ Scan\b.*) on (?:events|commands)\b.*\n *(.*)", plan)
    assert len(scans) >= 2, plan
    for scan, below in scans:
        newest = scan == "Index Scan Backward using events_pkey"  # the clock reads one row
        assert newest or below.startswith(("Index Cond", "Recheck Cond")), plan


@pytest.mark.parametrize("sessions", [0, 60])
def test_a_page_is_found_by_position_and_read_once(
    postgres_log: PostgresLog, database_url: str, sessions: int
) -> None:
    ledger = LedgerFixture(postgres_log)
    for _ in range(sessions):
        ledger.create_session()
    with connect(database_url, None) as owner:
        owner.execute("analyze ledger.events")

    with connect(database_url, DatabaseRole.READER) as connection:
        query = rows.FOLLOWED._query.decode()
        connection.execute(f"prepare page (bigint, bigint, text[], text[]) as {query}".encode())
        ask = b"explain (costs off) execute page (7, 500, '{wallet.opened}', '{wallet.opened}')"
        plan = "\n".join(line for (line,) in connection.execute(ask).fetchall())

    assert plan.count("on events") == 1, plan
    assert re.search(r"Index Scan using events_pkey on events.*\n *Index Cond", plan), plan


def test_statements_of_the_log_are_planned_once(database_url: str) -> None:
    with connect(database_url, DatabaseRole.WRITER) as connection:
        found = connection.execute("show plan_cache_mode").fetchall()

    assert found == [("force_generic_plan",)]
