"""Which processors are given a rest: the worker's breakers write it, the API reads it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from math import ceil
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

Connect = Callable[[], AbstractContextManager[Connection[TupleRow]]]

_REST: Final = """
insert into ledger.processor_rests (processor, until)
values (%s, ledger.now() + make_interval(secs => %s))
on conflict (processor) do update set until = excluded.until
"""
_SECONDS: Final = """
select extract(epoch from until - ledger.now()) from ledger.processor_rests
 where processor = %s and until > ledger.now()
"""
_log = logging.getLogger(__name__)


class PostgresProcessorRests:
    """The rests of processors in `ledger.processor_rests`; a row has no effect once it is over."""

    def __init__(self, connect: Connect) -> None:
        """Keep rests.

        Args:
            connect: lends a connection: of the projector to write, of anybody to read.
        """
        self._connect = connect

    def note(self, processor: str, seconds: float) -> None:
        """Note that a processor rests for so long; 0: it answers again.

        A failure of the database is logged: payers are then sent to a processor that rests, where
        their attempts wait.
        """
        try:
            with self._connect() as connection:
                if seconds:
                    connection.execute(_REST, (processor, seconds))
                else:
                    query = "delete from ledger.processor_rests where processor = %s"
                    connection.execute(query, (processor,))
        except psycopg.Error as error:
            _log.warning("the rest of %s is not noted: %s", processor, type(error).__name__)

    def seconds_left(self, processor: str) -> int:
        """For how long a processor rests, rounded up; 0 if it does not."""
        with self._connect() as connection:
            row = connection.execute(_SECONDS, (processor,)).fetchone()
        return ceil(row[0]) if row else 0
