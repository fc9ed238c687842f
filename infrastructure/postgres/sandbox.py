"""The sandbox processor's charges in `ledger.sandbox_charges`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from application.ports.processor import State
from infrastructure.processors.sandbox_store import REPLACEABLE, Stored

DAYS_MAX: Final = 30
"""Older charges are forgotten."""
DELETED_MAX: Final = 100

_COLUMNS: Final = (
    "key, reference, charge_key, minor, currency, capture, behaviour, return_url, begun_at, state,"
    " settled_at"
)
_BEGIN: Final = f"""
insert into ledger.sandbox_charges ({_COLUMNS})
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""  # noqa: S608 - constants
_FORGET: Final = """
delete from ledger.sandbox_charges where key in
    (select key from ledger.sandbox_charges
      where begun_at < %s - make_interval(days => %s) order by begun_at limit %s)
"""
_SETTLE: Final = """
update ledger.sandbox_charges set state = %s, settled_at = %s
 where key = %s and state = any(%s)
"""
_FIND: Final = f"select {_COLUMNS} from ledger.sandbox_charges where key = %s"  # noqa: S608
_BY_REFERENCE: Final = f"select {_COLUMNS} from ledger.sandbox_charges where reference = %s"  # noqa: S608


class PostgresSandboxStore:
    """`SandboxStore` in PostgreSQL."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection[TupleRow]]]) -> None:
        """Remember charges.

        Args:
            connect: lends a connection of the writer or the projector.
        """
        self._connect = connect

    def begin(self, stored: Stored) -> Stored:
        """See the port."""
        values = [getattr(stored, name.strip()) for name in _COLUMNS.split(",")]
        with self._connect() as connection, connection.transaction():
            connection.execute(_BEGIN, values)
            connection.execute(_FORGET, (stored.begun_at, DAYS_MAX, DELETED_MAX))
            row = connection.execute(_FIND, (stored.key,)).fetchone()
        return _stored(row) or stored

    def find(self, key: str) -> Stored | None:
        """See the port."""
        with self._connect() as connection:
            return _stored(connection.execute(_FIND, (key,)).fetchone())

    def find_reference(self, reference: str) -> Stored | None:
        """See the port."""
        with self._connect() as connection:
            return _stored(connection.execute(_BY_REFERENCE, (reference,)).fetchone())

    def settle(self, key: str, state: State, at: datetime) -> Stored:
        """See the port."""
        before = [one.value for one in REPLACEABLE[state]]
        with self._connect() as connection, connection.transaction():
            connection.execute(_SETTLE, (state.value, at, key, before))
            row = _stored(connection.execute(_FIND, (key,)).fetchone())
        if row is None:
            raise KeyError(key)
        return row


def _stored(row: TupleRow | None) -> Stored | None:
    if row is None:
        return None
    values = dict(zip((name.strip() for name in _COLUMNS.split(",")), row, strict=True))
    return Stored(**values | {"state": State(values["state"])})
