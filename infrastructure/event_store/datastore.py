"""The library's datastore on our connections: few rights, bounded waits, one pool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from eventsourcing import persistence
from eventsourcing.postgres import PostgresDatastore
from psycopg import Connection
from psycopg.rows import DictRow, dict_row, tuple_row

from infrastructure.postgres.connections import ConnectionPool

_ERRORS: tuple[tuple[type[psycopg.Error], type[persistence.PersistenceError]], ...] = (
    (psycopg.InterfaceError, persistence.InterfaceError),
    (psycopg.OperationalError, persistence.OperationalError),
    (psycopg.DataError, persistence.DataError),
    (psycopg.IntegrityError, persistence.IntegrityError),
    (psycopg.InternalError, persistence.InternalError),
    (psycopg.ProgrammingError, persistence.ProgrammingError),
    (psycopg.NotSupportedError, persistence.NotSupportedError),
    (psycopg.DatabaseError, persistence.DatabaseError),
    (psycopg.Error, persistence.PersistenceError),
)


class LedgerDatastore(PostgresDatastore):
    """Hands the library connections that already have their role; its own pool stays closed."""

    def __init__(self, connections: ConnectionPool) -> None:
        super().__init__("", "", "", "", "", schema="ledger")
        self.connections = connections

    def register_type_adapters(self) -> None:
        """Nothing: the library's composite types are not in our schema."""

    @contextmanager
    def get_connection(self) -> Iterator[Connection[DictRow]]:
        """Lend a connection with dictionary rows, errors as the library names them."""
        try:
            with self.connections.connection() as connection:
                lent = cast("Connection[Any]", connection)
                lent.row_factory = dict_row
                try:
                    yield lent
                finally:
                    lent.row_factory = tuple_row
        except psycopg.Error as error:
            for ours, theirs in _ERRORS:
                if isinstance(error, ours):
                    raise theirs(str(error)) from error
            raise

    def close(self) -> None:
        """Close the connections."""
        super().close()
        if hasattr(self, "connections"):
            self.connections.close()
