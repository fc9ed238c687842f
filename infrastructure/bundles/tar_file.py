"""The tar of a bundle, written and read strictly: ordinary files of known names, nothing else.

The reader never extracts anything. It accepts only what the writer makes: ustar headers of regular
files, so that links, folders, devices, sparse files and extended headers are refused by their type.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from domain.audit import bundle
from domain.audit.errors import MalformedBundle, MalformedTile
from domain.audit.tiles import parse_path

BLOCK: Final = 512
MEMBERS_MAX: Final = 10_000_000
SIZE_DIGITS: Final = 11
MEMBER_BYTES_MAX: Final = 8**SIZE_DIGITS - 1
"""What eleven octal digits can say: 8 GiB."""
CHUNK: Final = 1024 * 1024
_MAGIC: Final = b"ustar\x0000"
_NAME: Final = 100
_CHECKSUM: Final = slice(148, 156)
_END: Final = bytes(2 * BLOCK)


@dataclass(frozen=True, slots=True)
class Member:
    """Where the bytes of a member are in the file."""

    offset: int
    size: int


def header(name: str, size: int) -> bytes:
    """The header of a member: readable by everybody, of nobody, without a time.

    Raises:
        MalformedBundle: it would be larger than 8 GiB.
    """
    if size > MEMBER_BYTES_MAX:
        raise MalformedBundle(reason=f"{name} would have more than 8 GiB")
    block = bytearray(BLOCK)
    block[0 : len(name)] = name.encode("ascii")
    block[100:124] = b"0000644\x000000000\x000000000\x00"
    block[124:136] = b"%011o\x00" % size
    block[136:148] = b"00000000000\x00"
    block[_CHECKSUM] = b" " * 8
    block[156:157] = b"0"
    block[257:265] = _MAGIC
    block[_CHECKSUM] = b"%06o\x00 " % sum(block)
    return bytes(block)


class TarWriter:
    """Appends members to a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, name: str, data: bytes) -> None:
        """Append a member at once."""
        self._file.write(header(name, len(data)) + data + bytes(-len(data) % BLOCK))

    @contextmanager
    def growing(self, name: str) -> Iterator[BinaryIO]:
        """Append a member whose size is known at its end; write its bytes to the given file."""
        start = self._file.tell()
        self._file.write(bytes(BLOCK))
        yield self._file
        end = self._file.tell()
        self._file.write(bytes(-(end - start) % BLOCK))
        after = self._file.tell()
        self._file.seek(start)
        self._file.write(header(name, end - start - BLOCK))
        self._file.seek(after)

    def finish(self) -> None:
        """Write the end of the archive."""
        self._file.write(_END)


class TarReader:
    """The members of a bundle, found by one pass over the headers."""

    def __init__(self, path: Path) -> None:
        """Open a bundle.

        Raises (checked in this order):
            OSError: the file cannot be read.
            MalformedBundle: no ordinary file; cut off; not the tar of a bundle; a member of another
                type, of an unknown name, too large, or twice; anything after the end.
        """
        if path.exists() and not path.is_file():
            raise MalformedBundle(reason="the bundle is not an ordinary file")
        self._file = path.open("rb", buffering=0)
        try:
            length = os.fstat(self._file.fileno()).st_size
            self.members: Mapping[str, Member] = _index(self._file.fileno(), length)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, name: str) -> bytes:
        """The bytes of a member, which is small.

        Raises:
            MalformedBundle: there is no such member, or the file has become shorter.
        """
        member = self.members.get(name)
        if member is None:
            raise MalformedBundle(reason=f"the bundle has no member {name}")
        return _read(self._file.fileno(), member.size, member.offset)

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a member, without their newlines.

        Raises:
            MalformedBundle: there is no such member; a line is too long; the last one has no end.
        """
        member = self.members.get(name)
        if member is None:
            raise MalformedBundle(reason=f"the bundle has no member {name}")
        offset, end, rest = member.offset, member.offset + member.size, b""
        while offset < end:
            data = _read(self._file.fileno(), min(CHUNK, end - offset), offset)
            offset += len(data)
            *whole, rest = (rest + data).split(b"\n")
            yield from whole
            if len(rest) > bundle.LINE_BYTES_MAX:
                raise MalformedBundle(reason=f"a line of {name} is too long")
        if rest:
            raise MalformedBundle(reason=f"the last line of {name} has no end")


def _read(file: int, size: int, offset: int) -> bytes:
    data = os.pread(file, size, offset)
    while len(data) < size:
        more = os.pread(file, size - len(data), offset + len(data))
        if not more:
            raise MalformedBundle(reason="the file is cut off")
        data += more
    return data


def _index(file: int, length: int) -> dict[str, Member]:
    members: dict[str, Member] = {}
    offset = 0
    while True:
        if offset + BLOCK > length:
            raise MalformedBundle(reason="the file is cut off")
        block = os.pread(file, BLOCK, offset)
        offset += BLOCK
        if block == bytes(BLOCK):
            break
        name, size = parse_header(block)
        check_member(name, size)
        if name in members:
            raise MalformedBundle(reason=f"the member {name} is there twice")
        if len(members) >= MEMBERS_MAX:
            raise MalformedBundle(reason=f"a bundle has at most {MEMBERS_MAX} members")
        members[name] = Member(offset, size)
        offset += size + -size % BLOCK
        if offset > length:
            raise MalformedBundle(reason=f"the file is cut off in {name}")
    while offset < length:
        data = os.pread(file, CHUNK, offset)
        if not data or data.count(0) != len(data):
            raise MalformedBundle(reason="there is something after the end of the archive")
        offset += len(data)
    return members


def parse_header(block: bytes) -> tuple[str, int]:
    """The name and size of a member.

    Raises:
        MalformedBundle: not a header as `header` writes it.
    """
    name = block[:_NAME].rstrip(b"\0")
    digits = block[124:135]
    try:
        size = int(digits, 8) if digits.isdigit() else -1
        decoded = name.decode("ascii")
        same = size >= 0 and header(decoded, size) == block
    except ValueError:
        same = False
    if not same:
        kind = block[156:157]
        what = "a link or special file" if kind in b"123456" and kind else "no header of a bundle"
        raise MalformedBundle(reason=f"{name[:60]!r}: {what}")
    return decoded, size


def check_member(name: str, size: int) -> None:
    """Check the name and size of a member.

    Raises:
        MalformedBundle: no bundle has a member of this name, or one of this size.
    """
    most = bundle.bytes_max(name)
    if most is not None and size > most:
        raise MalformedBundle(reason=f"{name} has {size} bytes; at most {most} are possible")
    if name.startswith("tile/"):
        try:
            parse_path(name)
        except MalformedTile as error:
            raise MalformedBundle(reason=str(error)) from error
