"""The rules that need one group of events at a time, after the events were distributed over files.

Memory is bounded by the largest file, not by the log. Every file is read once, in the order of the
log, and compared with the rows of its sessions and static codes at each read model's position.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from datetime import UTC, timedelta
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zlib import crc32

import msgspec

from application.checks.parts import WITH_COMMAND, CommandSpans, GroupChecks
from application.checks.read_models import (
    check_attempts,
    check_refunds,
    check_sessions,
    check_static_codes,
    check_wallet_payments,
)
from application.checks.violation import Violation
from application.event_log import Receipt
from domain import ids
from domain.audit import bundle
from domain.audit import leaf as leaves
from domain.audit.bundle import Manifest
from domain.audit.leaf import EPOCH, ID_BYTES, STREAM_ID, Leaf, microseconds
from infrastructure.bundles import rows
from infrastructure.bundles.events import EventReader
from infrastructure.bundles.spool import Files, Grouping
from infrastructure.bundles.tar_file import TarReader

INVARIANT: Final = "rows-equal-the-fold"
BAD_LINE: Final = (msgspec.DecodeError, ValueError, RecursionError)
"""What a line that is no row of its read model raises."""
TOPICS_CACHED: Final = 256
"""The only event of groups whose command is looked at."""
OWN, REFERENCE, PLACE = 0, 1, 2
"""Kinds of records: an event of the file's groups; one that every file has; the place of an event
that no rule of groups follows."""
_PLACE: Final = struct.Struct(">Q16sQ")
_SPAN: Final = struct.Struct(">16sQQQ")
_CHECKS: Final[dict[str, Callable[[Any, Iterable[Any]], list[Violation]]]] = {
    "sessions": check_sessions,
    "wallet_payments": check_wallet_payments,
    "refunds": check_refunds,
    "attempts": check_attempts,
    "static_codes": check_static_codes,
}
_GROUP_OF: Final[dict[str, Callable[[Any], bytes]]] = {
    "sessions": lambda row: row.session_id.bytes,
    "wallet_payments": lambda row: ids.decode("ps", row.session_id).bytes,
    "refunds": lambda row: row.session_id.bytes,
    "attempts": lambda row: row.session_id.bytes,
    "static_codes": lambda row: ids.decode("sc", row.static_code_id).bytes,
}


class Groups:
    """Takes in every event, row and receipt, and checks them file by file."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        self._grouping = Grouping(manifest.size)
        count = self._grouping.count
        self._events = Files(folder, "events", count)
        self._spans = Files(folder, "commands", count)
        self._receipts = Files(folder, "receipts", count)
        self._rows = {name: Files(folder, name, count) for name in _CHECKS}
        self._wallets: dict[str, tuple[str, int]] = {}
        topics = GroupChecks(self._wallets).topics
        self._is_followed = lru_cache(TOPICS_CACHED)(
            lambda topic: bool({topic, topic.partition(".")[0]} & topics)
        )
        self._reader = EventReader()
        self._command: list[Any] = []
        """Id, first position, last position and time of the command whose events are read."""
        self.commands = 0
        self.counts = dict.fromkeys(_CHECKS, 0)
        self.violations: list[Violation] = []
        self.expected: list[dict[tuple[str, str], int]] = []
        """What each file expects the books to hold in suspense and of processors."""

    def add(self, leaf: Leaf, data: bytes) -> None:
        """Take in the next event of the log."""
        position, stream_id, version, recorded_at_us, _, command_id, _, _, topic, _ = leaf
        number = self._grouping.of(leaf)
        if self._is_followed(topic):
            self._events.add(number, data, OWN)
        else:
            self._events.add(number, _PLACE.pack(position, stream_id, version), PLACE)
        if topic == "merchant.plan_changed":
            for other in range(self._grouping.count):
                if other != number:
                    self._events.add(other, data, REFERENCE)
        elif topic == "wallet.opened":
            self._open_wallet(leaf)
        if self._command and self._command[0] == command_id:
            self._command[2] = position
        else:
            self._end_command()
            self._command = [command_id, position, position, recorded_at_us]

    def check(self, tar: TarReader, *, on_file: Callable[[int, int], None]) -> None:
        """Check everything, after the last event.

        Raises:
            EvidenceError: a member is missing or not what its name says.
        """
        self._end_command()
        self._distribute_rows(tar)
        self._distribute_receipts(tar)
        for number in range(self._grouping.count):
            self._check_events(number)
            self._check_commands(number)
            on_file(number + 1, self._grouping.count)

    def _open_wallet(self, leaf: Leaf) -> None:
        try:
            event: Any = self._reader.recorded(leaf).event
            name = ids.encode("wal", event.originator_id)
            self._wallets[name] = (event.currency, event.exponent)
        except Exception:  # noqa: BLE001 - what cannot be read is found by the rules of the log
            return

    def _end_command(self) -> None:
        if self._command:
            number = crc32(self._command[0]) % self._grouping.count
            self._spans.add(number, _SPAN.pack(*self._command))

    def _distribute_rows(self, tar: TarReader) -> None:
        for name, files in self._rows.items():
            decode, group_of = rows.DECODERS[name].decode, _GROUP_OF[name]
            for number, line in enumerate(tar.lines(bundle.model_member(name)), 1):
                try:
                    group = self._grouping.of_id(group_of(decode(line)))
                except BAD_LINE as error:
                    self._report(f"{name}, line {number}: {error}")
                    continue
                files.add(group, line)
                self.counts[name] += 1

    def _distribute_receipts(self, tar: TarReader) -> None:
        for number, line in enumerate(tar.lines(bundle.COMMANDS), 1):
            try:
                one = rows.RECEIPTS.decode(line)
                places = (one.first_position or 0, one.last_position or 0)
                data = _SPAN.pack(
                    one.command_id.bytes, *places, microseconds(one.recorded_at.astimezone(UTC))
                )
            except (*BAD_LINE, OverflowError, struct.error) as error:
                text = f"line {number}: {error}"
                self.violations.append(Violation("receipts-agree", 0, text))
                continue
            self._receipts.add(crc32(data[:ID_BYTES]) % self._grouping.count, data)
            self.commands += 1

    def _check_events(self, number: int) -> None:
        checks = GroupChecks(self._wallets)
        waiting = {name: self._manifest.read_models[name].position for name in _CHECKS}
        found: list[Violation] = []

        def compare(position: int) -> int:
            """Compare the rows of the read models that are before a position; the next one's."""
            for name in [one for one, at in waiting.items() if at < position]:
                checks.log.position = waiting.pop(name)
                found.extend(_CHECKS[name](checks, self._read_rows(name, number)))
            return min(waiting.values(), default=self._manifest.size)

        next_at = compare(1)
        for kind, data in self._events.read(number):
            if kind == PLACE:
                position, stream_id, version = _PLACE.unpack(data)
                if position > next_at:
                    next_at = compare(position)
                checks.place(position, stream_id, version)
                continue
            leaf = leaves.decode(data)
            position = leaf.position
            if position > next_at:
                next_at = compare(position)
            recorded = self._reader.recorded(leaf, ids=leaf.topic in WITH_COMMAND)
            if kind == OWN:
                checks.place(position, data[STREAM_ID], recorded.version)
                checks.observe(recorded)
            else:
                checks.refer(recorded)
        compare(self._manifest.size + 1)
        self.violations += [*checks.violations, *found]
        self.expected.append(checks.attempts.expected())

    def _read_rows(self, name: str, number: int) -> list[Any]:
        found, keys = [], set()
        decode, key_of = rows.DECODERS[name].decode, attrgetter(*rows.KEYS[name])
        for _, line in self._rows[name].read(number):
            row: Any = decode(line)
            key = key_of(row)
            if key in keys:
                self._report(f"{name} ({key}) is there twice")
            keys.add(key)
            found.append(row)
        return found

    def _check_commands(self, number: int) -> None:
        """Compare commands and receipts as bytes; only what differs is looked at."""
        commands, spans = CommandSpans(), dict[bytes, bytes]()
        for _, data in self._spans.read(number):
            if data[:ID_BYTES] in spans:
                self._repeated("command", data)
            spans[data[:ID_BYTES]] = data
        differing, seen = [], set()
        for _, data in self._receipts.read(number):
            if data[:ID_BYTES] in seen:
                self._repeated("receipt", data)
            seen.add(data[:ID_BYTES])
            if spans.get(data[:ID_BYTES]) == data:
                del spans[data[:ID_BYTES]]
            else:
                differing.append(data)
        for data in spans.values():
            command, first, last, at = _SPAN.unpack(data)
            commands.note(UUID(bytes=command), (first, last, EPOCH + timedelta(microseconds=at)))
        self.violations += commands.finish(map(_receipt, differing))

    def _repeated(self, what: str, data: bytes) -> None:
        command, position, _, _ = _SPAN.unpack(data)
        text = f"the {what} {UUID(bytes=command)} is there twice"
        self.violations.append(Violation("receipts-agree", position, text))

    def _report(self, text: str) -> None:
        self.violations.append(Violation(INVARIANT, 0, text))


def _receipt(data: bytes) -> Receipt:
    command, first, last, at = _SPAN.unpack(data)
    recorded_at = EPOCH + timedelta(microseconds=at)
    places = (first or None, last or None)
    return Receipt(UUID(bytes=command), rows.NO_PRINT, *places, recorded_at, None, 0, None)
