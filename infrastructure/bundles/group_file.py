"""One file of groups: its events, rows and commands against the rules that need no other file.

Memory is bounded by the largest file, not by the log. A file is read once, in the order of the log,
and compared with the rows of its sessions and static codes at each read model's position.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any, Final
from uuid import UUID

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
from domain.audit.bundle import Manifest
from domain.audit.leaf import EPOCH, ID_BYTES, Leaf
from infrastructure.bundles import rows
from infrastructure.bundles.distribution import (
    EVENTS,
    INVARIANT,
    OWN,
    RECEIPTS,
    REFERENCE,
    SPAN,
    SPANS,
    WALLETS,
)
from infrastructure.bundles.events import EventReader
from infrastructure.bundles.spool import read

_TOPIC: Final = Leaf._fields.index("topic")
CHECKS: Final[dict[str, Callable[[Any, Iterable[Any]], list[Violation]]]] = {
    "sessions": check_sessions,
    "wallet_payments": check_wallet_payments,
    "refunds": check_refunds,
    "attempts": check_attempts,
    "static_codes": check_static_codes,
}


@dataclass(slots=True)
class FileResult:
    """What the check of one file has found, and what it covered."""

    number: int
    events: int
    """How many of the log's events; every event is in one file."""
    receipts: int
    rows: dict[str, int]
    """How many rows of each read model were compared."""
    expected: dict[tuple[str, str], int]
    """What the file expects the books to hold in suspense and of processors."""
    violations: list[Violation]


class GroupFiles:
    """Checks files that `Distribution` has finished."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder, self._manifest = folder, manifest
        self._wallets = pickle.loads((folder / WALLETS).read_bytes())  # noqa: S301 - written by this program
        self._reader = EventReader()

    def check(self, number: int) -> FileResult:
        """Check a file, which is removed.

        Raises:
            OSError: it is missing.
            EOFError: it is cut off.
        """
        result = FileResult(number, 0, 0, dict.fromkeys(CHECKS, 0), {}, [])
        self._check_events(result)
        self._check_commands(result)
        return result

    def _check_events(self, result: FileResult) -> None:
        checks = GroupChecks(self._wallets)
        waiting = {name: self._manifest.read_models[name].position for name in CHECKS}
        found: list[Violation] = []

        def compare(position: int) -> int:
            """Compare the rows of the read models that are before a position; the next one's."""
            for name in [one for one, at in waiting.items() if at < position]:
                checks.log.position = waiting.pop(name)
                found.extend(CHECKS[name](checks, self._rows(name, result)))
            return min(waiting.values(), default=self._manifest.size)

        next_at, recorded = compare(1), self._reader.recorded
        for kind, fields in read(self._folder, EVENTS, result.number):
            position, stream_id, version = fields[:3]
            if position > next_at:
                next_at = compare(position)
            if kind == REFERENCE:
                checks.refer(recorded(fields, event_id=False, command_id=False))
                continue
            checks.place(position, stream_id, version)
            result.events += 1
            if kind == OWN:
                with_command = fields[_TOPIC] in WITH_COMMAND
                checks.observe(recorded(fields, event_id=False, command_id=with_command))
        compare(self._manifest.size + 1)
        result.violations += [*checks.violations, *found]
        result.expected = checks.attempts.expected()

    def _rows(self, name: str, result: FileResult) -> list[Any]:
        found, keys = [], set()
        decode, key_of = rows.DECODERS[name].decode, attrgetter(*rows.KEYS[name])
        for line in read(self._folder, name, result.number):
            row: Any = decode(line)
            key = key_of(row)
            if key in keys:
                text = f"{name} ({key}) is there twice"
                result.violations.append(Violation(INVARIANT, 0, text))
            keys.add(key)
            found.append(row)
        result.rows[name] = len(found)
        return found

    def _check_commands(self, result: FileResult) -> None:
        """Compare commands and receipts as bytes; only what differs is looked at."""
        spans, differing, seen = dict[bytes, bytes](), [], set()
        for data in read(self._folder, SPANS, result.number):
            command = data[:ID_BYTES]
            if command in spans:
                result.violations.append(_repeated("command", data))
            spans[command] = data
        for data in read(self._folder, RECEIPTS, result.number):
            command = data[:ID_BYTES]
            if command in seen:
                result.violations.append(_repeated("receipt", data))
            seen.add(command)
            result.receipts += 1
            if spans.get(command) == data:
                del spans[command]
            else:
                differing.append(data)
        commands = CommandSpans()
        for data in spans.values():
            command, first, last, at = SPAN.unpack(data)
            commands.note(UUID(bytes=command), (first, last, EPOCH + timedelta(microseconds=at)))
        result.violations += commands.finish(map(_receipt, differing))


def _repeated(what: str, data: bytes) -> Violation:
    command, position, _, _ = SPAN.unpack(data)
    text = f"the {what} {UUID(bytes=command)} is there twice"
    return Violation("receipts-agree", position, text)


def _receipt(data: bytes) -> Receipt:
    command, first, last, at = SPAN.unpack(data)
    recorded_at = EPOCH + timedelta(microseconds=at)
    places = (first or None, last or None)
    return Receipt(UUID(bytes=command), rows.NO_PRINT, *places, recorded_at, None, 0, None)
