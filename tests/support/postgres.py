"""Direct access to a test's database: its clock, and what only its owner may do."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from infrastructure.postgres.connections import DatabaseRole, role_name


def adopt_roles(url: str, database: str, template: str) -> None:
    """Give a clone of a migrated database its roles, as members of those of its template.

    Roles are cluster-wide and named after their database, so a clone has the grants of its
    template's roles only. What the clone's projector creates is readable as in the template.
    """
    names = {role: (role_name(database, role), role_name(template, role)) for role in DatabaseRole}
    statements = [f"create role {own} nologin in role {theirs}" for own, theirs in names.values()]
    statements.append(
        f"alter default privileges for role {names[DatabaseRole.PROJECTOR][0]} "
        "in schema read_models grant select on tables "
        f"to {names[DatabaseRole.WRITER][1]}, {names[DatabaseRole.READER][1]}"
    )
    rows(url, "; ".join(statements), fetch=False)


class TestClock:
    """Replaces `ledger.server_now()` with a time that the test sets."""

    __test__ = False

    def __init__(self, url: str) -> None:
        self._url = url
        with psycopg.connect(url) as connection:
            connection.execute("create table if not exists ledger.test_clock (at timestamptz)")
            connection.execute("grant select on ledger.test_clock to public")
            connection.execute("grant usage on schema ledger to public")
            connection.execute(
                "create or replace function ledger.server_now() returns timestamptz language sql volatile"
                " as 'select coalesce((select at from ledger.test_clock), clock_timestamp())'"
            )

    def set(self, at: datetime) -> None:
        """Set the ledger's clock."""
        with psycopg.connect(self._url) as connection:
            connection.execute("delete from ledger.test_clock")
            connection.execute("insert into ledger.test_clock values (%s)", (at,))

    def advance(self, at: datetime, seconds: float) -> datetime:
        """Set the clock to some seconds after `at`; returns the new time."""
        later = at + timedelta(seconds=seconds)
        self.set(later)
        return later


def rows(url: str, query: str, *parameters: Any, fetch: bool = True) -> list[tuple[Any, ...]]:
    """Execute a statement as the superuser; without `fetch`, one that returns no rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query, parameters)
        return cursor.fetchall() if fetch else []


@contextmanager
def frozen(postmaster: int) -> Iterator[None]:
    """A frozen server: every process of it is stopped (SIGSTOP)."""
    os.kill(postmaster, signal.SIGSTOP)  # first, so that it starts no more children
    stopped = [postmaster, *_children(postmaster)]
    for pid in stopped[1:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(stopped):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def read_only(url: str) -> Iterator[None]:
    """Make the server read-only for new and existing sessions, as an operator does."""
    try:
        rows(url, "alter system set default_transaction_read_only = on", fetch=False)
        rows(url, "select pg_reload_conf()")
        yield
    finally:
        rows(url, "alter system reset default_transaction_read_only", fetch=False)
        rows(url, "select pg_reload_conf()")
