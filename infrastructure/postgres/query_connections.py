"""Database connections for the queries of the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from application.errors import LogUnavailable, Overloaded
from infrastructure.postgres.connections import ConnectionPool
from infrastructure.postgres.failures import is_transient


class QueryConnections:
    """Lends connections of a pool and maps database errors to errors of the application."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    @contextmanager
    def connection(self) -> Iterator[Connection[TupleRow]]:
        """A connection for one query.

        Raises:
            Overloaded: no worker of this version has built the read model yet.
            LogUnavailable: a transient failure of the database.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise Overloaded(reason="the list has not been built yet") from error
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            raise LogUnavailable(reason="the database is unavailable or busy") from error
