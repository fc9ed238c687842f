"""The files of merchants' logos, in `ledger.logos`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from application.ports.logos import LogoFile

_KEEP: Final = """
insert into ledger.logos (sha256, media_type, data) values (%s, %s, %s) on conflict do nothing
"""
_READ: Final = "select media_type, data from ledger.logos where sha256 = %s"


class PostgresLogos:
    """`application.ports.logos.LogoStore` in PostgreSQL."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection[TupleRow]]]) -> None:
        """Keep files in a database.

        Args:
            connect: lends a connection of the writer.
        """
        self._connect = connect

    def keep(self, sha256: str, file: LogoFile) -> None:
        """See the port."""
        row = (bytes.fromhex(sha256), file.media_type, file.data)
        with self._connect() as connection, connection.transaction():
            connection.execute("set local synchronous_commit = on")
            connection.execute(_KEEP, row)

    def read(self, sha256: str) -> LogoFile | None:
        """See the port."""
        with self._connect() as connection:
            row = connection.execute(_READ, (bytes.fromhex(sha256),)).fetchone()
        return LogoFile(str(row[0]), bytes(row[1])) if row else None
