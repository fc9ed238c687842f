"""The events of a log, distributed over temporary files so that each file has whole groups.

A group is what one set of rules needs together: a stream; a session with the quotes, suspense
entries and refusals that name it; a static code with its sessions. The files keep the log's order.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from domain import ids
from domain.audit.leaf import Leaf

GROUP_EVENTS: Final = 50_000
"""About so many events in one file: what is kept of them is in memory at a time."""
FILES_MAX: Final = 200
"""Of each kind; their buffers are in memory together."""
BUFFER_BYTES: Final = 64 * 1024
READ_BYTES: Final = 1024 * 1024
_HEAD: Final = struct.Struct(">BI")
_LINKS: Final = {
    "payment_session.created": ("static_code_id", "sc", b'"static_code_id":"'),
    "code_session.opened": ("static_code_id", "sc", b""),
    "fx_quote.opened": ("session_id", "ps", b""),
    "refusal.recorded": ("session_id", "ps", b""),
    "suspense.received": ("session_id", "ps", b'"session_id":"'),
}
"""Streams that belong to the group of another one: the member that names it, its prefix, and bytes
without which the member is null."""


class Grouping:
    """Which file the events of a stream go to."""

    def __init__(self, events: int) -> None:
        self.count = max(1, min(FILES_MAX, -(-events // GROUP_EVENTS)))
        self._moved: dict[bytes, int] = {}

    def of_id(self, data: bytes) -> int:
        """The file of a stream that has been seen, or that belongs to itself."""
        if self.count == 1:
            return 0
        moved = self._moved.get(data)
        return crc32(data) % self.count if moved is None else moved

    def of(self, leaf: Leaf) -> int:
        """The file of an event."""
        if self.count == 1:
            return 0
        link = _LINKS.get(leaf.topic)
        if link is None:
            return self.of_id(leaf.stream_id)
        if leaf.version <= 1 and link[2] in leaf.state:
            target = _named(leaf.state, link[0], link[1])
            number = self.of_id(target or leaf.stream_id)
            if number != crc32(leaf.stream_id) % self.count:
                self._moved[leaf.stream_id] = number
            return number
        return self.of_id(leaf.stream_id)


class Files:
    """Records of bytes in numbered files, appended now and read once."""

    def __init__(self, folder: Path, kind: str, count: int) -> None:
        self._paths = [folder / f"{kind}-{number}" for number in range(count)]
        self._buffers: list[list[bytes]] = [[] for _ in range(count)]
        self._bytes = [0] * count

    def add(self, number: int, data: bytes, kind: int = 0) -> None:
        """Append a record to a file."""
        size = len(data)
        self._buffers[number] += (_HEAD.pack(kind, size), data)
        self._bytes[number] += size
        if self._bytes[number] > BUFFER_BYTES:
            self._flush(number)

    def read(self, number: int) -> Iterator[tuple[int, bytes]]:
        """The records of a file in their order, each with its kind; the file is then removed."""
        self._flush(number)
        head_bytes, head_of = _HEAD.size, _HEAD.unpack_from
        with self._paths[number].open("rb") as file:
            rest = b""
            while data := file.read(READ_BYTES):
                rest += data
                start, end = head_bytes, len(rest)
                while start <= end:
                    kind, size = head_of(rest, start - head_bytes)
                    after = start + size
                    if after > end:
                        break
                    yield kind, rest[start:after]
                    start = after + head_bytes
                rest = rest[start - head_bytes :]
        self._paths[number].unlink()

    def _flush(self, number: int) -> None:
        with self._paths[number].open("ab") as file:
            file.write(b"".join(self._buffers[number]))
        self._buffers[number] = []
        self._bytes[number] = 0


def _named(state: bytes, member: str, prefix: str) -> bytes | None:
    """The id in a member of an event; None if there is none."""
    try:
        document: Any = json.loads(state)
        return ids.decode(prefix, document[member]).bytes
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
