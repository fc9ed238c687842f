"""Statements executed thousands of times a second: prepared once per connection, binary.

A psycopg cursor takes a tenth of a millisecond of Python per execution; this module passes the
bytes to libpq and lets psycopg read the rows. Not for connections that listen: notifications that
arrive meanwhile stay in libpq until the next data on the socket.
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
    """One statement with the parameters `$1`, `$2`, …."""

    def __init__(self, query: str) -> None:
        self._query: Final = query.encode()
        self._name: Final = f"qrledger_{next(_numbers)}".encode()

    def __call__(
        self, connection: Connection[TupleRow], *values: Value | None
    ) -> list[tuple[Any, ...]]:
        """Execute the statement and return all rows; None is null.

        Raises:
            psycopg.Error: as psycopg's own cursors do.
        """
        state = _state_of(connection)
        link = connection.pgconn
        if self._name not in state.statements:
            _check(connection, link.prepare(self._name, self._query), ExecStatus.COMMAND_OK)
            state.statements.add(self._name)
        data: list[Any] = [None if value is None else value.data for value in values]
        result = link.exec_prepared(self._name, data, [Format.BINARY] * len(data), 1)
        _check(connection, result, ExecStatus.TUPLES_OK)
        state.transformer.set_pgresult(result)
        return state.transformer.load_rows(0, result.ntuples, tuple)


class _ConnectionState:
    """The state kept for one connection."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self.statements: set[bytes] = set()
        self.transformer = Transformer(connection)


def _state_of(connection: Connection[TupleRow]) -> _ConnectionState:
    state: _ConnectionState | None = connection.__dict__.get("qrledger_state")
    if state is None:
        state = connection.__dict__["qrledger_state"] = _ConnectionState(connection)
    return state


def _check(connection: Connection[TupleRow], result: Any, expected: ExecStatus) -> None:
    if result.status == expected:
        return
    if connection.pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError(result.get_error_message())
    raise errors.error_from_result(result)
