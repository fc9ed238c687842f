"""The read models on PostgreSQL, as the API queries them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from application.clock_guard import ClockGuard
from application.errors import LogUnavailable, Overloaded
from application.health import Health
from infrastructure.health import health
from infrastructure.postgres.connections import ConnectionPool
from infrastructure.postgres.failures import is_transient
from projections.sessions import Sessions
from projections.wallet_payments import WalletPayments


class PostgresReadModels:
    """The read models as the API asks them."""

    def __init__(
        self, connections: ConnectionPool, probes: ConnectionPool, guard: ClockGuard | None = None
    ) -> None:
        self._connections = connections
        self._probes = probes
        self.guard = guard if guard is not None else ClockGuard()
        self.sessions = Sessions(self._reading)
        self.wallet_payments = WalletPayments(self._reading)

    def position(self, name: str) -> int:
        """The last position a read model has taken in, 0 before its first."""
        query = "select position from read_models.tracking where name = %s"
        with self._reading() as connection:
            row = connection.execute(query, (name,)).fetchone()
        return int(row[0]) if row else 0

    def health(self) -> Health:
        """How the ledger stands, on connections that no other read can hold."""
        with self._reading(self._probes) as connection:
            return health(connection, self.guard)

    @contextmanager
    def _reading(self, connections: ConnectionPool | None = None) -> Iterator[Connection[TupleRow]]:
        try:
            with (connections or self._connections).connection() as connection:
                yield connection
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            reason = "the list has not been built yet"  # by any worker, or by one of this version
            raise Overloaded(reason=reason) from error
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            raise LogUnavailable(reason="the database is away or busy") from error
