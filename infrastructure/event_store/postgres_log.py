"""The event log on PostgreSQL: domain events in, domain events out, one round trip each way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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

        def ask(connection: Connection[TupleRow]) -> Loading:
            with connection.pipeline():
                events = connection.cursor(binary=True)
                if streams:
                    versions = [Int8(version) for version in streams.values()]
                    events.execute(rows.LOAD, (list(streams), versions), prepare=True)
                found = connection.cursor(binary=True)
                if receipts:
                    found.execute(rows.RECEIPTS, (list(receipts),), prepare=True)
                clock = connection.cursor(binary=True).execute(rows.NOW, prepare=True)
            told = [Receipt(*row) for row in found.fetchall()] if receipts else []
            return Loading(
                events=self._recorded(events) if streams else [],
                receipts={receipt.command_id: receipt for receipt in told},
                now=_one(clock),
            )

        return self._read(ask)

    def append(self, batch: Sequence[Pending]) -> Sequence[Verdict]:
        """See the port."""
        return self.recorder.append([self._row(pending) for pending in batch])

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """See the port."""
        return self._select(rows.PAGE, (Int8(after), Int8(min(limit, PAGE_EVENTS_MAX))))

    def stream(self, stream_id: UUID, *, after: int = 0, up_to: int = 2**62) -> Sequence[Recorded]:
        """See the port."""
        parameters = (stream_id, Int8(after), Int8(up_to), Int8(STREAM_EVENTS_MAX))
        return self._select(rows.STREAM, parameters)

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

    @contextmanager
    def tailing(self) -> Iterator[Callable[[int, int], Sequence[Recorded]]]:
        """A reader on a connection of its own; see `follower`."""
        with self._connections.connection() as connection:
            yield lambda after, limit: self.page(connection, after, limit)

    def page(self, connection: Connection[TupleRow], after: int, limit: int) -> Sequence[Recorded]:
        """A page of the log on a given connection."""
        cursor = connection.cursor(binary=True)
        cursor.execute(rows.PAGE, (Int8(after), Int8(limit)), prepare=True)
        return self._recorded(cursor)

    def _select(self, query: str, parameters: Sequence[Any]) -> list[Recorded]:
        def ask(connection: Connection[TupleRow]) -> list[Recorded]:
            cursor = connection.cursor(binary=True)
            cursor.execute(query, parameters, prepare=True)
            return self._recorded(cursor)

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

    def _recorded(self, cursor: Cursor[TupleRow]) -> list[Recorded]:
        read = self._mapper.to_domain_event
        return [
            Recorded(*row, read(StoredEvent(row[1], row[2], row[3], row[4])))  # type: ignore[call-arg]
            for row in cursor.fetchall()
        ]

    def _row(self, pending: Pending) -> rows.CommandRow:
        return rows.CommandRow(
            command_id=pending.command_id,
            events=[self._mapper.to_stored_event(event) for event in pending.events],
            schema_versions=[schema_version(type(event)) for event in pending.events],
            fingerprint=pending.fingerprint,
            deadline=pending.deadline,
            not_before=pending.not_before,
            actor=pending.actor,
            trace_id=pending.trace_id,
            subject=pending.subject,
            version=pending.version,
            refusal=pending.refusal,
        )


def _one(cursor: Cursor[TupleRow]) -> Any:
    row = cursor.fetchone()
    if row is None:
        msg = "the database answered without a row"
        raise psycopg.InterfaceError(msg)
    return row[0]
