"""Parameters in PostgreSQL's binary format, mainly arrays: the format of a batch.

psycopg determines the type of every element of a list; a batch has a thousand elements of one type.
Each command passes through here several times, so the functions are written for speed.
The layout is that of PostgreSQL's `array_send`, big-endian: dimensions, null flag, element type,
length, lower bound; then the length (-1 for null) and the bytes of each element.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

_HEAD: Final = struct.Struct("!iIIii")
_LENGTH: Final = struct.Struct("!i")
_SIZED_INT4: Final = struct.Struct("!ii")
_SIZED_INT8: Final = struct.Struct("!iq")
_NULL: Final = _LENGTH.pack(-1)
_UUID: Final = _LENGTH.pack(16)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Value(NamedTuple):
    """A parameter in PostgreSQL's binary format."""

    data: bytes


def uuids(values: Iterable[UUID | None]) -> Value:
    """A `uuid[]`."""
    parts = [_NULL if v is None else _UUID + v.int.to_bytes(16, "big") for v in values]
    return _array(2950, parts)


def uuids_of(values: Iterable[bytes]) -> Value:
    """A `uuid[]` of the 16 bytes of each id."""
    return _array(2950, [_UUID + value for value in values])


def texts(values: Sequence[str]) -> Value:
    """A `text[]`. Each distinct text is encoded once: actors and topics repeat in a batch."""
    encoded = {text: _sized(text.encode()) for text in set(values)}
    return _array(25, [encoded[text] for text in values])


def blobs(values: Iterable[bytes | None]) -> Value:
    """A `bytea[]`."""
    return _array(17, [_NULL if v is None else _sized(v) for v in values])


def int4s(values: Iterable[int]) -> Value:
    """An `int[]`."""
    return _array(23, [_SIZED_INT4.pack(4, value) for value in values])


def int8s(values: Iterable[int]) -> Value:
    """A `bigint[]`."""
    return _array(20, [_SIZED_INT8.pack(8, value) for value in values])


def instants(values: Iterable[datetime | None]) -> Value:
    """A `timestamptz[]`: microseconds since 2000-01-01 UTC."""
    return _array(1184, [_NULL if v is None else _instant(v) for v in values])


def instant(value: datetime | None) -> Value | None:
    """A `timestamptz`, or null."""
    return None if value is None else Value(_instant(value)[_LENGTH.size :])


def int4(value: int) -> Value:
    """An `int`."""
    return Value(_LENGTH.pack(value))


def int8(value: int) -> Value:
    """A `bigint`."""
    return Value(struct.pack("!q", value))


def uuid(value: UUID) -> Value:
    """A `uuid`."""
    return Value(value.bytes)


def _instant(at: datetime) -> bytes:
    elapsed = at - _EPOCH
    microseconds = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
    return _SIZED_INT8.pack(8, microseconds)


def _sized(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _array(element: int, parts: list[bytes]) -> Value:
    return Value(_head(element, len(parts)) + b"".join(parts))


def _head(element: int, length: int) -> bytes:
    """The header; an empty array has no dimension. PostgreSQL recomputes the null flag."""
    return _HEAD.pack(1, 1, element, length, 1) if length else struct.pack("!iII", 0, 0, element)
