"""Lines of events, made of what PostgreSQL sends: no object for an id or a time.

They say what `application/event_document.py` says. A page is made column by column, mostly by
functions in C, and a stored payload is copied as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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
from infrastructure.streaming.base32 import suffixes

POSTGRES_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL sends a time as microseconds since then."""
TIMES_CACHED: Final = 1024
TYPES_CACHED: Final = 1024
ORIGIN: Final = re.compile(rb'\{"timestamp":"[^"\\]*",("originator_topic":"[^"\\]*",)')
"""Where the first event of a stream has the name of its aggregate."""
REWRITTEN: Final = (b'"originator_topic"', b'"class_version"', b"\n")
"""Members of the library's that are not shown, and what would end a line."""
ESCAPE: Final = b"\\"
_encode_lines: Final = msgspec.json.Encoder().encode_lines


class Line(Struct, gc=False):
    """One event, in the order of `event_document`."""

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
    """Rows, in the order of `rows.COLUMNS`, as auditors see their events: one line of JSON each."""
    if not page:
        return b""
    (
        positions, streams, versions, topics, states, times_, events, commands, actors, traces,
        schema_versions,
    ) = zip(*page, strict=True)  # fmt: skip
    made = map(
        Line, ["evt_" + suffix for suffix in suffixes(events)], positions, topics,
        map(_subject, topics, streams, suffixes(streams)), versions, map(_time, times_),
        schema_versions, map(_uuid, commands), actors, traces,
        _payloads(map(_cut, states, versions, schema_versions)),
    )  # fmt: skip
    return _encode_lines(list(made))


def _subject(topic: str, stream_id: bytes, suffix: str) -> str:
    prefix = _prefix(topic)
    return prefix + suffix if prefix else _uuid(stream_id)


@lru_cache(TYPES_CACHED)
def _prefix(topic: str) -> str:
    """What public ids of the type's streams begin with; empty if a later program wrote it."""
    prefix = ids.SUBJECT_PREFIXES.get(topic.partition(".")[0], "")
    return prefix and f"{prefix}_"


@lru_cache(TIMES_CACHED)
def _time(microseconds: int) -> str:
    return times.to_text(POSTGRES_EPOCH + timedelta(microseconds=microseconds))


def _uuid(data: bytes) -> str:
    digits = data.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _payloads(states: Iterable[bytes]) -> Iterable[Raw | dict[str, Any]]:
    """What is shown of payloads. One search in all of them spares most pages a search in each."""
    found = list(states)
    together = b"".join(found)
    if any(part in together for part in (*REWRITTEN, ESCAPE)):
        return map(_data, found)
    return map(Raw, found)


def _cut(state: bytes, version: int, schema_version: int) -> bytes:
    """The payload without the library's members, if they are where `LedgerMapper.encode` has them.

    `_data` finds them anywhere else.
    """
    if version == 1 and (origin := ORIGIN.match(state)):
        state = state[: origin.start(1)] + state[origin.end(1) :]
    if schema_version > 1:
        last = b',"class_version":%d}' % schema_version
        if state.endswith(last):
            return state[: -len(last)] + b"}"
    return state


def _data(state: bytes) -> Raw | dict[str, Any]:
    plain = text.replace_lone_surrogates(state)
    if not any(part in plain for part in REWRITTEN):
        return Raw(plain)
    data: dict[str, Any] = msgspec.json.decode(plain)
    data.pop("originator_topic", None)
    data.pop("class_version", None)
    return data
