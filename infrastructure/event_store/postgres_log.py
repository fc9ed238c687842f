"""The event log on PostgreSQL: domain events in, domain events out, one round trip each way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8
from uuid_utils.compat import uuid7

from application.errors import LogUnavailable
from application.event_log import (
    PAGE_EVENTS_MAX,
    STREAM_EVENTS_MAX,
    VERSION_MAX,
    Event,
    Loading,
    Pending,
    Receipt,
    Recorded,
    Verdict,
)
from infrastructure.event_store import rows
from infrastructure.event_store.datastore import LedgerDatastore
from infrastructure.event_store.mapper import LedgerMapper, schema_version
from infrastructure.event_store.recorder import LedgerRecorder
from infrastructure.postgres import arrays
from infrastructure.postgres.connections import Connections

T = TypeVar("T")

READ_TRIES_MAX: Final = 2
"""A read on a connection that died while it was idle is tried once more on a fresh one."""


class PostgresLog:
    """`application.event_log.EventLog` on the recorder."""

    def __init__(self, connections: Connections, *, new_id: Callable[[], UUID] = uuid7) -> None:
        self.recorder = LedgerRecorder(LedgerDatastore(connections), new_id=new_id)
        self._connections = connections
        self._mapper = LedgerMapper()

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> Loading:
        """See the port."""
        after = list(streams.values())
        parameters = (arrays.uuids(streams), arrays.int8s(after), arrays.uuids(receipts))
        return self._loading(self._read(lambda connection: rows.LOAD(connection, *parameters)))

    def append(self, batch: Sequence[Pending]) -> Sequence[Verdict]:
        """See the port."""
        return self.recorder.append(batch, [self._rows(pending.events) for pending in batch])

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """See the port."""
        return self._select(rows.PAGE, (Int8(after), Int8(min(limit, PAGE_EVENTS_MAX))))

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
        at: datetime = self._read(lambda connection: _one(connection.execute(rows.NOW)))
        return at

    def of_topics(self, topics: Sequence[str]) -> Sequence[Recorded]:
        """Every event of a few rare topics, oldest first: who was let in, which keys were given."""
        return self._select(rows.OF_TOPICS, (list(topics),))

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def page(self, connection: Connection[TupleRow], after: int, limit: int) -> Sequence[Recorded]:
        """A page of the log on a given connection."""
        return self._recorded(_ask(connection, rows.PAGE, (Int8(after), Int8(limit))))

    def _loading(self, found: Sequence[TupleRow]) -> Loading:
        width = rows.EVENT_WIDTH
        receipts = [Receipt(*row[width:-1]) for row in found if row[width] is not None]
        return Loading(
            events=[self._event(row[:width]) for row in found if row[0] is not None],
            receipts={receipt.command_id: receipt for receipt in receipts},
            now=found[0][-1],
        )

    def _select(self, query: str, parameters: Sequence[Any]) -> list[Recorded]:
        def ask(connection: Connection[TupleRow]) -> list[Recorded]:
            return self._recorded(_ask(connection, query, parameters))

        return self._read(ask)

    def _read(self, ask: Callable[[Connection[TupleRow]], T]) -> T:
        for attempt in range(READ_TRIES_MAX):
            try:
                with self._connections.connection() as connection:
                    return ask(connection)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                if attempt + 1 == READ_TRIES_MAX:
                    raise LogUnavailable(reason="the database is away or busy") from error
        raise AssertionError

    def _recorded(self, found: Sequence[TupleRow]) -> list[Recorded]:
        return [self._event(row) for row in found]

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


def _ask(connection: Connection[TupleRow], query: str, parameters: Sequence[Any]) -> list[TupleRow]:
    """Ask in binary, prepared at once: these few queries are asked for ever."""
    return connection.cursor(binary=True).execute(query, parameters, prepare=True).fetchall()


def _one(cursor: Cursor[TupleRow]) -> Any:
    row = cursor.fetchone()
    if row is None:
        msg = "the database answered without a row"
        raise psycopg.InterfaceError(msg)
    return row[0]
