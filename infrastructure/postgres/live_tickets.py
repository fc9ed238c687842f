"""The tickets of the live socket in `ledger.live_tickets`: the API adds, the notifier deletes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

Connect = Callable[[], AbstractContextManager[Connection[TupleRow]]]

SWEPT_MAX: Final = 100
"""Expired tickets that are deleted whenever one is issued."""
SWEEP_LOCK: Final = 0x71726C5F6C740001
"""The advisory lock of the sweep: one process sweeps at a time, the others go on without."""

_KEEP: Final = "insert into ledger.live_tickets (id, expires_at) values (%s, %s)"
_SWEEP: Final = """
delete from ledger.live_tickets where id in (
    select id from ledger.live_tickets
     where expires_at <= ledger.now() order by expires_at limit %s)
"""
_TAKE: Final = "delete from ledger.live_tickets where id = %s and expires_at > ledger.now()"


class PostgresLiveTickets:
    """`application.ports.live_tickets.LiveTickets` in PostgreSQL."""

    def __init__(self, connect: Connect) -> None:
        """Keep tickets.

        Args:
            connect: lends a connection: of the writer to keep tickets, of a reader to take them.
        """
        self._connect = connect

    def keep(self, ticket_id: UUID, expires_at: datetime) -> None:
        """See the port. Deletes some of those that have expired."""
        with self._connect() as connection, connection.transaction():
            connection.execute(_KEEP, (ticket_id, expires_at))
            lock = connection.execute("select pg_try_advisory_xact_lock(%s)", (SWEEP_LOCK,))
            if lock.fetchone() == (True,):
                connection.execute(_SWEEP, (SWEPT_MAX,))

    def take(self, ticket_id: UUID) -> bool:
        """See the port."""
        with self._connect() as connection:
            return connection.execute(_TAKE, (ticket_id,)).rowcount == 1
