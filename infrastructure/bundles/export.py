"""`audit export`: a bundle of everything up to a checkpoint, written in constant memory.

The entries are written first, in pairs of full bundles and their tiles, to a file beside the
output. If the export is interrupted, the next one checks those pairs and continues after them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from application.event_log import PAGE_EVENTS_MAX, Receipt, Recorded
from domain.audit import bundle
from domain.audit import leaf as leaves
from domain.audit import note as notes
from domain.audit.bundle import Manifest, ModelPart
from domain.audit.errors import EvidenceError, MalformedBundle
from domain.audit.merkle import Frontier, hash_leaf
from domain.audit.note import Checkpoint
from domain.audit.tiles import TILE_WIDTH, Tile, encode_bundle, split_bundle
from infrastructure.bundles import rows
from infrastructure.bundles.events import to_leaf
from infrastructure.bundles.part import Range, aligned
from infrastructure.bundles.tar_file import BLOCK, TarWriter, header, parse_header

PART_SUFFIX: Final = ".part"
_FORMAT: Final = b"qrledger-bundle %d\n" % bundle.FORMAT


class ExportRefused(Exception):
    """The ledger cannot be exported as it is; the message says why, in one line."""


class Source(Protocol):
    """A ledger as an export reads it."""

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """The events after a position, in order."""
        ...

    def receipts(self, size: int) -> Iterable[Receipt]:
        """The receipts of all commands with events up to a position, or with none."""
        ...

    def models(self) -> dict[str, int]:
        """The position of every read model in `READ_MODELS`, of one instant."""
        ...

    def rows(self, name: str) -> Iterable[tuple[Any, ...]]:
        """The rows of a read model at that instant, as `rows.query` orders them."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    events: int
    resumed: int
    """Events that an earlier, interrupted export had written."""
    commands: int
    rows: int


def export(
    source: Source,
    checkpoint: bytes,
    output: Path,
    *,
    part: tuple[int, int] | None = None,
    on_progress: Callable[[int], Any] = lambda _position: None,
) -> Exported:
    """Write a bundle; it replaces a file at `output` once it is complete.

    Args:
        source: the ledger.
        checkpoint: the signed note. Its signatures are not checked here.
        output: the file.
        part: the first and the last position of a part, which is widened to whole tiles; it has
            the hashes of all events, and neither receipts nor rows.
        on_progress: called with the last position that was written.

    Raises (checked in this order):
        EvidenceError: the note is no checkpoint.
        ExportRefused: the part is not within the checkpoint; a read model is ahead of it; the log
            ends before it; it ends within a command; the events do not lead to its root.
        OSError: the file cannot be written.
    """
    note = notes.parse(checkpoint)
    head = notes.parse_checkpoint(note.text)
    if part is not None and not 1 <= part[0] <= part[1] <= head.size:
        msg = f"a part has positions from 1 to {head.size}, the size of the checkpoint"
        raise ExportRefused(msg)
    within = Range(1, head.size) if part is None else aligned(*part, head.size)
    is_part = within != (1, head.size)
    models = {} if is_part else source.models()
    for name, position in models.items():
        if position > head.size:
            text = f"{name} is at position {position}, the checkpoint at {head.size}"
            msg = f"{text}: export again when more has been sealed"
            raise ExportRefused(msg)
    growing = output.with_name(output.name + PART_SUFFIX)
    descriptor = os.open(growing, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        frontier = _resume(file, 0 if is_part else head.size)
        resumed = frontier.size
        writer = TarWriter(file)
        if not resumed:
            writer.add(bundle.FORMAT_MEMBER, _FORMAT)
        try:
            _write_events(source, writer, frontier, head.size, within, on_progress)
            _check_root(frontier, head)
        except ExportRefused:
            growing.unlink()
            raise
        commands, parts = 0, {}
        if not is_part:
            with writer.growing(bundle.COMMANDS) as member:
                commands = _write(member, map(rows.encode_receipt, source.receipts(head.size)))
        for name, position in models.items():
            with writer.growing(bundle.model_member(name)) as member:
                count = _write(member, (rows.encode_row(name, one) for one in source.rows(name)))
            parts[name] = ModelPart(position, count)
        writer.add(bundle.CHECKPOINT, note.encode())
        manifest = Manifest(head.size, *within, commands, parts)
        writer.add(bundle.MANIFEST, manifest.encode())
        writer.finish()
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    growing.replace(output)
    count = within.last - within.first + 1
    return Exported(count, resumed, commands, sum(one.rows for one in parts.values()))


def _check_root(frontier: Frontier, head: Checkpoint) -> None:
    if frontier.root() != head.root:
        msg = "the events do not lead to the root of the checkpoint"
        raise ExportRefused(msg)


def _write_events(
    source: Source,
    writer: TarWriter,
    frontier: Frontier,
    size: int,
    within: Range,
    on_progress: Callable[[int], Any],
) -> None:
    waiting: list[bytes] = []
    while frontier.size + len(waiting) < size:
        after = frontier.size + len(waiting)
        page = source.read(after, min(PAGE_EVENTS_MAX, size - after))
        if not page or page[-1].position != after + len(page):
            msg = f"the log ends or has a gap after position {after}"
            raise ExportRefused(msg)
        waiting += map(to_leaf, page)
        while len(waiting) >= TILE_WIDTH:
            _write_tile(writer, frontier, waiting[:TILE_WIDTH], within)
            del waiting[:TILE_WIDTH]
        on_progress(frontier.size + len(waiting))
    if waiting:
        _write_tile(writer, frontier, waiting, within)
    rest = source.read(size - 1, 2)
    if len(rest) > 1 and rest[0].command_id == rest[1].command_id:
        msg = "the checkpoint ends within the events of a command: export again with a later one"
        raise ExportRefused(msg)


def _write_tile(writer: TarWriter, frontier: Frontier, data: list[bytes], within: Range) -> None:
    index, width = frontier.size // TILE_WIDTH, len(data)
    hashes = [sha256(b"\x00" + one).digest() for one in data]
    if within.first <= frontier.size + 1 <= within.last:
        writer.add(Tile(None, index, width).path, encode_bundle(data))
    for one in hashes:
        frontier.append(one)
    writer.add(Tile(0, index, width).path, b"".join(hashes))


def _write(file: BinaryIO, lines: Iterable[bytes]) -> int:
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007 - counts
        file.write(line)
    return count


def _resume(file: BinaryIO, size: int) -> Frontier:
    """The tree of the pairs that the file has, which is cut after them."""
    frontier = Frontier()
    expected = header(bundle.FORMAT_MEMBER, len(_FORMAT)) + _FORMAT
    file.seek(0)
    end = 0
    if file.read(len(expected)) == expected:
        end = len(expected) + -len(_FORMAT) % BLOCK
        file.seek(end)
        while frontier.size + TILE_WIDTH <= size and _take_pair(file, frontier):
            end = file.tell()
    if not frontier.size:
        end = 0
    file.seek(end)
    file.truncate()
    return frontier


def _take_pair(file: BinaryIO, frontier: Frontier) -> bool:
    """Read one more full bundle and its tile; False if they are not there, or are not whole."""
    index = frontier.size // TILE_WIDTH
    try:
        data = split_bundle(_member(file, Tile(None, index).path), TILE_WIDTH)
        hashes = [hash_leaf(one) for one in data]
        if _member(file, Tile(0, index).path) != b"".join(hashes):
            return False
        if leaves.decode(data[0]).position != frontier.size + 1:
            return False
    except EvidenceError:
        return False
    for one in hashes:
        frontier.append(one)
    return True


def _member(file: BinaryIO, name: str) -> bytes:
    block = file.read(BLOCK)
    found, size = parse_header(block) if len(block) == BLOCK else ("", 0)
    if found != name or size > (bundle.bytes_max(name) or 0):
        raise MalformedBundle(reason=f"expected {name}")
    data = file.read(size + -size % BLOCK)
    if len(data) < size + -size % BLOCK:
        raise MalformedBundle(reason=f"{name} is cut off")
    return data[:size]
