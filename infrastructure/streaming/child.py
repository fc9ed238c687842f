"""Writes events as lines: `python -P -m infrastructure.streaming.child`, told what on its input.

It ends after the last line, with its reader, or with status 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8

from application.event_log import PAGE_EVENTS_MAX, STREAM_EVENTS_MAX
from application.ports.event_lines import LinesWanted
from infrastructure.event_store import rows
from infrastructure.postgres import arrays
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.streaming.lines import lines, load_as_sent

STATEMENT_SECONDS: Final = 10
POSITION, VERSION, TOPIC = 0, 2, 3
"""Columns of the rows, see `rows.COLUMNS`."""
READY: Final = b"\n"
"""The first byte: the database answers. It is not part of the stream."""


class Order(Struct, frozen=True):
    """What the process is told: the database, which nobody else must see, and the events."""

    url: str
    wanted: LinesWanted


def pages(connection: Connection[TupleRow], wanted: LinesWanted) -> Iterator[list[TupleRow]]:
    """The events, a page at a time: memory does not depend on how many there are."""
    if wanted.stream:
        yield from _of_stream(connection, UUID(wanted.stream), wanted)
        return
    after = wanted.after
    read = partial(connection.cursor(binary=True).execute, rows.PAGE, prepare=True)
    while after < wanted.up_to:
        page = read((Int8(after), Int8(PAGE_EVENTS_MAX))).fetchall()
        if not page:
            return
        after = page[-1][POSITION]
        yield page


def _of_stream(
    connection: Connection[TupleRow], stream_id: UUID, wanted: LinesWanted
) -> Iterator[list[TupleRow]]:
    version, most = 0, STREAM_EVENTS_MAX
    while True:
        parameters = (version, version + most, most)
        page = rows.STREAM(connection, arrays.uuid(stream_id), *map(arrays.int8, parameters))
        yield [row for row in page if row[POSITION] > wanted.after]
        if len(page) < most:
            return
        version = page[-1][VERSION]


def write(out: BinaryIO, connection: Connection[TupleRow], wanted: LinesWanted) -> None:
    """Write the lines of the wanted events."""
    load_as_sent(connection)
    for page in pages(connection, wanted):
        found = [
            row
            for row in page
            if row[POSITION] <= wanted.up_to and wanted.topic in {"", row[TOPIC]}
        ]
        out.write(lines(found))
        out.flush()


def main() -> int:
    """Write what the order on standard input asks for; returns the exit status."""
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Order)
    out = sys.stdout.buffer
    try:
        with connect(
            order.url, DatabaseRole.READER, statement_seconds=STATEMENT_SECONDS
        ) as connection:
            out.write(READY)
            out.flush()
            write(out, connection, order.wanted)
    except (psycopg.Error, BrokenPipeError):
        return 1
    return 0


if __name__ == "__main__":
    os._exit(main())  # everything is written; nothing more goes into a pipe that may be closed
