"""The test's hand on a database: its clock, and what only an owner may do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg


class TestClock:
    """Replaces `ledger.server_now()` by a time that the test sets."""

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
        """Let the ledger believe it is `at`."""
        with psycopg.connect(self._url) as connection:
            connection.execute("delete from ledger.test_clock")
            connection.execute("insert into ledger.test_clock values (%s)", (at,))

    def advance(self, at: datetime, seconds: float) -> datetime:
        """Set the clock some seconds after `at`; answers with the time set."""
        later = at + timedelta(seconds=seconds)
        self.set(later)
        return later


def rows(url: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask as the superuser."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query, parameters).fetchall()
