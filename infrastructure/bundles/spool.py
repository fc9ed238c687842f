"""Records in numbered temporary files: appended by one process, read by another or the same.

A batch of records is written at once, as MessagePack after its length. Every file of a spool exists
when it is finished, so that one that is missing is an error and never an empty one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

PENDING_BYTES: Final = 64 * 1024
"""Of a file's records that are not written yet, on average. More of them leave the caches."""
RECORD_BYTES: Final = 512
"""About what a record takes in memory beside its texts."""
_LENGTH: Final = struct.Struct(">Q")
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Any]).decode


class Spool:
    """Takes in the records of one kind."""

    def __init__(self, folder: Path, kind: str, count: int) -> None:
        self._paths = [_path(folder, kind, number) for number in range(count)]
        self._pending: list[list[Any]] = [[] for _ in range(count)]
        self._bytes = 0
        self._bytes_max = PENDING_BYTES * count

    def add(self, number: int, record: Any, size: int) -> None:
        """Append a record to a file; `size` is that of its texts."""
        self._pending[number].append(record)
        self._bytes += size + RECORD_BYTES
        if self._bytes > self._bytes_max:
            self._write()

    def finish(self) -> None:
        """Write what is left; every file is complete."""
        self._write()

    def _write(self) -> None:
        for path, records in zip(self._paths, self._pending, strict=True):
            data = _encode(records)
            with path.open("ab") as file:
                file.write(_LENGTH.pack(len(data)) + data)
            records.clear()
        self._bytes = 0


def read(folder: Path, kind: str, number: int) -> Iterator[Any]:
    """The records of a file in their order; the file is then removed.

    Raises:
        OSError: there is no such file.
        EOFError: it is cut off.
    """
    path = _path(folder, kind, number)
    with path.open("rb") as file:
        while head := file.read(_LENGTH.size):
            size = _LENGTH.unpack(head)[0]
            data = file.read(size)
            if len(data) != size:
                msg = f"{path.name} is cut off"
                raise EOFError(msg)
            yield from _decode(data)
    path.unlink()


def _path(folder: Path, kind: str, number: int) -> Path:
    return folder / f"{kind}-{number}"
