"""Lines of events, made of what PostgreSQL sends: no object for an id or a time.

They say what `application/event_document.py` says. A stored payload is copied as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8BinaryLoader
from psycopg.types.string import ByteaBinaryLoader

from domain import ids, text, times

POSTGRES_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL sends a time as microseconds since then."""
STREAMS_CACHED: Final = 8192
TIMES_CACHED: Final = 1024
REWRITTEN: Final = (b'"originator_topic"', b'"class_version"', b"\n")
"""Members of the library's that are not shown, and what would end a line."""
_encode_lines: Final = msgspec.json.Encoder().encode_lines


class Line(Struct):
    """One event, in the order of the columns of `EventView`."""

    id: str
    position: int
    type: str
    subject: str
    version: int
    recorded_at: str
    schema_version: int
    command_id: str
    actor: str
    trace_id: str
    data: Raw | dict[str, Any]


def load_as_sent(connection: Connection[TupleRow]) -> None:
    """Have ids as 16 bytes and times as numbers, in every row that the connection reads."""
    connection.adapters.register_loader("uuid", ByteaBinaryLoader)
    connection.adapters.register_loader("timestamptz", Int8BinaryLoader)


def lines(page: Sequence[TupleRow]) -> bytes:
    """Rows as auditors see their events, one line of JSON each."""
    return _encode_lines([_line(*row) for row in page])


def _line(
    position: int,
    stream_id: bytes,
    version: int,
    topic: str,
    state: bytes,
    recorded_at: int,
    event_id: bytes,
    command_id: bytes,
    actor: str,
    trace_id: str,
    schema_version: int,
) -> Line:
    return Line(
        f"evt_{ids.suffix_of(int.from_bytes(event_id))}",
        position,
        topic,
        _subject(topic.partition(".")[0], stream_id),
        version,
        _time(recorded_at),
        schema_version,
        _uuid(command_id),
        actor,
        trace_id,
        _data(state),
    )


@lru_cache(STREAMS_CACHED)
def _subject(kind: str, stream_id: bytes) -> str:
    prefix = ids.SUBJECT_PREFIXES.get(kind)
    return f"{prefix}_{ids.suffix_of(int.from_bytes(stream_id))}" if prefix else _uuid(stream_id)


@lru_cache(TIMES_CACHED)
def _time(microseconds: int) -> str:
    return times.to_text(POSTGRES_EPOCH + timedelta(microseconds=microseconds))


def _uuid(data: bytes) -> str:
    digits = data.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _data(state: bytes) -> Raw | dict[str, Any]:
    plain = text.replace_lone_surrogates(state)
    if not any(part in plain for part in REWRITTEN):
        return Raw(plain)
    data: dict[str, Any] = msgspec.json.decode(plain)
    data.pop("originator_topic", None)
    data.pop("class_version", None)
    return data
