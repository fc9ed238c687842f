"""Events, rows and receipts of a bundle, distributed over temporary files for `group_file`.

This is an external sort by distribution: the files keep the log's order, nothing is compared or
merged, and memory does not grow with the log.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import msgspec

from application.checks.parts import GroupChecks
from application.checks.violation import Violation
from domain import ids
from domain.audit import bundle
from domain.audit.leaf import ID_BYTES, Leaf, microseconds
from infrastructure.bundles import rows
from infrastructure.bundles.events import EventReader
from infrastructure.bundles.grouping import Grouping
from infrastructure.bundles.spool import Spool
from infrastructure.bundles.tar_file import TarReader

INVARIANT: Final = "rows-equal-the-fold"
BAD_LINE: Final = (msgspec.DecodeError, ValueError, RecursionError)
"""What a line that is no row of its read model raises."""
TOPICS_CACHED: Final = 256
OWN, REFERENCE, PLACE = 0, 1, 2
"""Kinds of records: an event of the file's groups; one that every file has; the place of an event
that no rule of groups follows."""
EVENTS, SPANS, RECEIPTS, WALLETS = "events", "commands", "receipts", "wallets"
"""The names of files beside those of the read models."""
SPAN: Final = struct.Struct(">16sQQQ")
"""A command: its id, first position, last position and time."""
_GROUP_OF: Final[dict[str, Callable[[Any], bytes]]] = {
    "sessions": lambda row: row.session_id.bytes,
    "wallet_payments": lambda row: ids.decode("ps", row.session_id).bytes,
    "refunds": lambda row: row.session_id.bytes,
    "attempts": lambda row: row.session_id.bytes,
    "static_codes": lambda row: ids.decode("sc", row.static_code_id).bytes,
}


class Distribution:
    """Takes in every event, then every row and receipt."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._grouping = Grouping(size)
        self.count = self._grouping.count
        """How many files there are, of each kind."""
        self._events = Spool(folder, EVENTS, self.count)
        self._spans = Spool(folder, SPANS, self.count)
        self._wallets: dict[str, tuple[str, int]] = {}
        topics = GroupChecks(self._wallets).topics
        self._is_followed = lru_cache(TOPICS_CACHED)(
            lambda topic: bool({topic, topic.partition(".")[0]} & topics)
        )
        self._reader = EventReader()
        self._command: list[Any] = [None]
        """Id, first position, last position and time of the command whose events are read."""
        self.violations: list[Violation] = []

    def add(self, leaf: Leaf) -> None:
        """Take in the next event of the log."""
        position, _, _, recorded_at_us, _, command_id, _, _, topic, state = leaf
        number = self._grouping.of(leaf)
        if self._is_followed(topic):
            self._events.add(number, (OWN, leaf), len(state))
        else:
            self._events.add(number, (PLACE, leaf[:3]), 0)
        if topic == "merchant.plan_changed":
            for other in range(self.count):
                if other != number:
                    self._events.add(other, (REFERENCE, leaf), len(state))
        elif topic == "wallet.opened":
            self._open_wallet(leaf)
        if self._command[0] == command_id:
            self._command[2] = position
        else:
            self._end_command()
            self._command = [command_id, position, position, recorded_at_us]

    def finish(self, tar: TarReader) -> None:
        """Take in rows and receipts after the last event; all files are complete then.

        Raises:
            EvidenceError: a member is missing or not what its name says.
        """
        self._end_command()
        self._events.finish()
        self._spans.finish()
        for name in _GROUP_OF:
            self._distribute_rows(tar, name)
        self._distribute_receipts(tar)
        (self._folder / WALLETS).write_bytes(pickle.dumps(self._wallets))

    def _open_wallet(self, leaf: Leaf) -> None:
        try:
            event: Any = self._reader.recorded(leaf).event
            name = ids.encode("wal", event.originator_id)
            self._wallets[name] = (event.currency, event.exponent)
        except Exception:  # noqa: BLE001 - what cannot be read is found by the rules of the log
            return

    def _end_command(self) -> None:
        if self._command[0] is not None:
            self._spans.add(self._of_command(self._command[0]), SPAN.pack(*self._command), 0)

    def _of_command(self, command_id: bytes) -> int:
        return crc32(command_id) % self.count

    def _distribute_rows(self, tar: TarReader, name: str) -> None:
        spool = Spool(self._folder, name, self.count)
        decode, group_of = rows.DECODERS[name].decode, _GROUP_OF[name]
        for number, line in enumerate(tar.lines(bundle.model_member(name)), 1):
            try:
                group = self._grouping.of_id(group_of(decode(line)))
            except BAD_LINE as error:
                text = f"{name}, line {number}: {error}"
                self.violations.append(Violation(INVARIANT, 0, text))
                continue
            spool.add(group, line, len(line))
        spool.finish()

    def _distribute_receipts(self, tar: TarReader) -> None:
        spool = Spool(self._folder, RECEIPTS, self.count)
        for number, line in enumerate(tar.lines(bundle.COMMANDS), 1):
            try:
                one = rows.RECEIPTS.decode(line)
                places = (one.first_position or 0, one.last_position or 0)
                data = SPAN.pack(
                    one.command_id.bytes, *places, microseconds(one.recorded_at.astimezone(UTC))
                )
            except (*BAD_LINE, OverflowError, struct.error) as error:
                text = f"line {number}: {error}"
                self.violations.append(Violation("receipts-agree", 0, text))
                continue
            spool.add(self._of_command(data[:ID_BYTES]), data, 0)
        spool.finish()
