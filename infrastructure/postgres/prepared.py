"""Statements asked thousands of times a second: prepared once per connection, binary both ways.

A cursor of psycopg would do, at a tenth of a millisecond of Python each time; this hands libpq the
bytes as they are and lets psycopg read the rows. Not for connections that listen: notifications
that arrive meanwhile stay with libpq until the socket speaks again.
"""

from __future__ import annotations

from itertools import count
from typing import Any, Final

import psycopg
from psycopg import Connection, errors
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.rows import TupleRow

from infrastructure.postgres.arrays import Value

_numbers = count(1)


class Prepared:
    """One statement with `$1`, `$2`, … for its parameters."""

    def __init__(self, query: str) -> None:
        self._query: Final = query.encode()
        self._name: Final = f"qrledger_{next(_numbers)}".encode()

    def __call__(
        self, connection: Connection[TupleRow], *values: Value | None
    ) -> list[tuple[Any, ...]]:
        """All rows of the answer; a value that is None is null.

        Raises:
            psycopg.Error: as psycopg's own cursors do.
        """
        known = _known(connection)
        link = connection.pgconn
        if self._name not in known.statements:
            _check(connection, link.prepare(self._name, self._query), ExecStatus.COMMAND_OK)
            known.statements.add(self._name)
        data: list[Any] = [None if value is None else value.data for value in values]
        result = link.exec_prepared(self._name, data, [Format.BINARY] * len(data), 1)
        _check(connection, result, ExecStatus.TUPLES_OK)
        known.transformer.set_pgresult(result)
        return known.transformer.load_rows(0, result.ntuples, tuple)


class _Known:
    """What is remembered of one connection."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self.statements: set[bytes] = set()
        self.transformer = Transformer(connection)


def _known(connection: Connection[TupleRow]) -> _Known:
    known: _Known | None = connection.__dict__.get("qrledger_known")
    if known is None:
        known = connection.__dict__["qrledger_known"] = _Known(connection)
    return known


def _check(connection: Connection[TupleRow], result: Any, expected: ExecStatus) -> None:
    if result.status == expected:
        return
    if connection.pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError(result.get_error_message())
    raise errors.error_from_result(result)
