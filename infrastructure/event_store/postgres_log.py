"""The event log on PostgreSQL: one round trip per load, append or page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, Final, TypeVar
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8

from application.clock_guard import ClockGuard, ClockReading, ClockState
from application.consumer import LogCorrupt, Page
from application.errors import LogUnavailable
from application.event_log import (
    PAGE_EVENTS_MAX,
    STREAM_EVENTS_MAX,
    VERSION_MAX,
    AppendRequest,
    Event,
    LoadResult,
    Receipt,
    Recorded,
    Verdict,
)
from infrastructure.event_store import registry, rows
from infrastructure.event_store.datastore import LedgerDatastore
from infrastructure.event_store.mapper import LedgerMapper, schema_version
from infrastructure.event_store.recorder import LedgerRecorder
from infrastructure.postgres import arrays
from infrastructure.postgres.connections import ConnectionPool
from infrastructure.postgres.failures import is_transient

T = TypeVar("T")

READ_TRIES_MAX: Final = 2
"""A read on a connection that broke while idle is repeated once on a new connection."""
_KNOWN: Final = arrays.texts(list(registry.EVENTS))


class PostgresLog:
    """`application.event_log.EventLog` on the recorder."""

    def __init__(
        self,
        pool: ConnectionPool,
        *,
        guard: ClockGuard | None = None,
    ) -> None:
        self._guard = guard if guard is not None else ClockGuard()
        datastore = LedgerDatastore(pool)
        self.recorder = LedgerRecorder(datastore, guard=self._guard)
        self._pool = pool
        self._mapper = LedgerMapper()

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        """See the port."""
        after = list(streams.values())
        parameters = (arrays.uuids(streams), arrays.int8s(after), arrays.uuids(receipts))
        elapsed = self._guard.elapsed()
        result_rows = self._read(lambda connection: rows.LOAD(connection, *parameters))
        return self._load_result(result_rows, elapsed)

    def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        """See the port."""
        return self.recorder.append(batch, [self._rows(request.events) for request in batch])

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """See the port."""
        return self._select(rows.PAGE, (Int8(after), Int8(min(limit, PAGE_EVENTS_MAX))))

    def page(self, after: int, limit: int, topics: Collection[str]) -> Page:
        """See `application.consumer.PagedLog`."""
        parameters = (
            arrays.int8(after),
            arrays.int8(min(limit, PAGE_EVENTS_MAX)),
            arrays.texts(list(topics)),
            _KNOWN,
        )
        found = self._read(lambda connection: rows.FOLLOWED(connection, *parameters))
        last, count, unknown = found[0][: rows.RANGE_WIDTH]
        if last - after != count:
            msg = f"the log has a gap: {count} of the positions {after + 1} to {last} exist"
            raise LogCorrupt(msg)
        events = [row[rows.RANGE_WIDTH :] for row in found if row[rows.RANGE_WIDTH] is not None]
        return Page(after, last, self._recorded(events), unknown or ())

    def stream(
        self, stream_id: UUID, *, after: int = 0, up_to: int = VERSION_MAX
    ) -> Sequence[Recorded]:
        """See the port."""
        parameters = (
            arrays.uuid(stream_id),
            arrays.int8(after),
            arrays.int8(up_to),
            arrays.int8(STREAM_EVENTS_MAX),
        )
        return self._read(lambda connection: self._recorded(rows.STREAM(connection, *parameters)))

    def head(self) -> int:
        """See the port."""
        return int(self._read(lambda connection: _one(connection.execute(rows.HEAD))))

    def now(self) -> datetime:
        """See the port."""
        return self.clock_state().now

    def clock_state(self) -> ClockState:
        """See the port."""
        elapsed = self._guard.elapsed()
        [row] = self._select_rows(rows.CLOCK_STATE, ())
        return self._guard.judge(ClockReading(*row), elapsed)

    def of_topics(self, topics: Sequence[str]) -> Sequence[Recorded]:
        """Every event of a few rare topics, oldest first, such as the keys that were issued."""
        return self._select(rows.OF_TOPICS, (list(topics),))

    def close(self) -> None:
        """Close the connection pool."""
        self._pool.close()

    def read_on(
        self, connection: Connection[TupleRow], after: int, limit: int
    ) -> Sequence[Recorded]:
        """`read` on the given connection."""
        return self._recorded(_fetch(connection, rows.PAGE, (Int8(after), Int8(limit))))

    def _load_result(self, result_rows: Sequence[TupleRow], elapsed: float) -> LoadResult:
        width, clock = rows.EVENT_WIDTH, -rows.CLOCK_WIDTH
        receipts = [Receipt(*row[width:clock]) for row in result_rows if row[width] is not None]
        return LoadResult(
            events=[self._event(row[:width]) for row in result_rows if row[0] is not None],
            receipts={receipt.command_id: receipt for receipt in receipts},
            now=self._guard.judge(ClockReading(*result_rows[0][clock:]), elapsed).now,
        )

    def _select(self, query: str, parameters: Sequence[Any]) -> list[Recorded]:
        return self._recorded(self._select_rows(query, parameters))

    def _select_rows(self, query: str, parameters: Sequence[Any]) -> list[TupleRow]:
        return self._read(lambda connection: _fetch(connection, query, parameters))

    def _read(self, query: Callable[[Connection[TupleRow]], T]) -> T:
        until = monotonic() + self._pool.limit_seconds
        for attempt in range(READ_TRIES_MAX):
            try:
                with self._pool.connection(until - monotonic()) as connection:
                    return query(connection)
            except psycopg.Error as error:
                if not is_transient(error):
                    raise
                if attempt + 1 == READ_TRIES_MAX or monotonic() >= until:
                    raise LogUnavailable(reason="the database is unavailable or busy") from error
        raise AssertionError

    def _recorded(self, result_rows: Sequence[TupleRow]) -> list[Recorded]:
        return [self._event(row) for row in result_rows]

    def _event(self, row: TupleRow) -> Recorded:
        return Recorded(*row, self._decode)  # type: ignore[call-arg]

    def _decode(self, recorded: Recorded) -> Event:
        stored = StoredEvent(recorded.stream_id, recorded.version, recorded.topic, recorded.state)
        return self._mapper.to_domain_event(stored)

    def _rows(self, events: Sequence[Event]) -> list[rows.EventRow]:
        encode = self._mapper.encode
        return [
            rows.EventRow(
                event.originator_id,
                event.originator_version,
                type(event).TOPIC,  # type: ignore[attr-defined]
                encode(event),
                schema_version(type(event)),
            )
            for event in events
        ]


def _fetch(
    connection: Connection[TupleRow], query: str, parameters: Sequence[Any]
) -> list[TupleRow]:
    """Fetch all rows of a binary, prepared query."""
    return connection.cursor(binary=True).execute(query, parameters, prepare=True).fetchall()


def _one(cursor: Cursor[TupleRow]) -> Any:
    row = cursor.fetchone()
    if row is None:
        msg = "the database returned no row"
        raise psycopg.InterfaceError(msg)
    return row[0]
