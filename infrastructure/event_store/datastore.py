"""The datastore of the eventsourcing library on a connection pool of ours."""

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
    """Gives the library connections that have assumed their role; its own pool is unused."""

    def __init__(self, pool: ConnectionPool) -> None:
        super().__init__("", "", "", "", "", schema="ledger")
        self.connections = pool

    def register_type_adapters(self) -> None:
        """Does nothing: our schema does not have the library's composite types."""

    @contextmanager
    def get_connection(self) -> Iterator[Connection[DictRow]]:
        """A connection with dictionary rows, whose errors are those of the library."""
        try:
            with self.connections.connection() as connection:
                with_dicts = cast("Connection[Any]", connection)
                with_dicts.row_factory = dict_row
                try:
                    yield with_dicts
                finally:
                    with_dicts.row_factory = tuple_row
        except psycopg.Error as error:
            for database_error, library_error in _ERRORS:
                if isinstance(error, database_error):
                    raise library_error(str(error)) from error
            raise

    def close(self) -> None:
        """Close the pool."""
        super().close()
        if hasattr(self, "connections"):
            self.connections.close()
