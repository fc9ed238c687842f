"""Snapshots in a table of the log's database, written by a thread of their own."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from threading import Condition, Thread
from typing import Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from application.errors import LogUnavailable
from application.ports.snapshots import Snapshot
from infrastructure.postgres import arrays
from infrastructure.postgres.connections import ConnectionPool
from infrastructure.postgres.failures import is_transient
from infrastructure.postgres.prepared import Prepared

OFFERED_MAX: Final = 1024
"""Snapshots that wait to be written; beyond that number the oldest is dropped."""
BATCH_MAX: Final = 64
"""Snapshots written at a time."""
STOP_SECONDS: Final = 5.0
COLUMNS: Final = "originator_id, shape, originator_version, position, state"
LATEST: Final = Prepared(f"""
select {COLUMNS} from ledger.snapshots
 where originator_id = $1 and shape = any($2::text[]) and originator_version <= $3
   and originator_version > $4
 order by originator_version desc limit 1
""")  # noqa: S608 - column names are constants
INSERT: Final = f"""
insert into ledger.snapshots ({COLUMNS})
values (%b, %b, %b, %b, %b) on conflict do nothing
"""  # noqa: S608

_log = logging.getLogger(__name__)


class PostgresSnapshots:
    """`application.ports.snapshots.Snapshots` on the log's database."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._offered: deque[Snapshot] = deque(maxlen=OFFERED_MAX)
        self._changed = Condition()
        self._stopping = False
        self._thread: Thread | None = None

    def latest(
        self, stream_id: UUID, shapes: Sequence[str], up_to: int, *, after: int = 0
    ) -> Snapshot | None:
        """See the port."""
        try:
            with self._pool.connection() as connection:
                snapshots = LATEST(
                    connection,
                    arrays.uuid(stream_id),
                    arrays.texts(shapes),
                    arrays.int8(up_to),
                    arrays.int8(after),
                )
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            raise LogUnavailable(reason="the database is unavailable or busy") from error
        return Snapshot(*snapshots[0]) if snapshots else None

    def offer(self, snapshot: Snapshot) -> None:
        """See the port."""
        with self._changed:
            if self._thread is None:
                self._thread = Thread(target=self._write, name="snapshots", daemon=True)
                self._thread.start()
            self._offered.append(snapshot)
            self._changed.notify()

    def close(self) -> None:
        """Write the offered snapshots, for at most 5 s; the caller closes the connection pool."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _write(self) -> None:
        while snapshots := self._next_batch():
            try:
                with self._pool.connection() as connection:
                    connection.cursor().executemany(INSERT, snapshots)
            except psycopg.Error as error:  # it is made again when it is needed
                _log.warning(
                    "%d snapshots were not stored: %s", len(snapshots), type(error).__name__
                )

    def _next_batch(self) -> list[Snapshot]:
        with self._changed:
            self._changed.wait_for(lambda: self._offered or self._stopping)
            return [self._offered.popleft() for _ in range(min(BATCH_MAX, len(self._offered)))]


def all_snapshots(connection: Connection[TupleRow]) -> Iterator[Snapshot]:
    """Stream every snapshot, on the caller's connection."""
    query = f"select {COLUMNS} from ledger.snapshots"  # noqa: S608
    for row in connection.cursor(binary=True).stream(query):
        yield Snapshot(*row)
