"""The rules that need the whole log: accounts, wallets, merchants, commands, the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import msgspec

from application.checks.parts import WholeChecks
from application.checks.read_models import JournalRowCheck, check_balances, check_payouts
from application.checks.violation import Violation
from domain.audit import bundle
from domain.audit import leaf as leaf_bytes
from domain.audit.bundle import Manifest
from domain.audit.errors import EvidenceError
from infrastructure.bundles import rows
from infrastructure.bundles.events import EventReader, entry_tiles, make_uuid, read_leaves
from infrastructure.bundles.tar_file import TarReader

INVARIANT: Final = "rows-equal-the-fold"
_CHECKS: Final[dict[str, Callable[[Any, list[Any]], list[Violation]]]] = {
    "balances": check_balances,
    "payouts": check_payouts,
}


@dataclass(slots=True)
class WholeResult:
    """What the pass over the whole log has found."""

    violations: list[Violation]
    balances: dict[tuple[str, str], int]
    """Of the books, by account and currency."""
    rows: dict[str, int]
    """How many rows of each read model were compared."""


def check_whole(tar: TarReader, manifest: Manifest) -> WholeResult:
    """Check the rules over all events of a bundle that has them all.

    Leaves that cannot be read are left out; whoever hashes them reports them.

    Raises:
        EvidenceError: a member is missing or not what its name says.
    """
    checks, reader = WholeChecks(), EventReader()
    counts = dict.fromkeys((*_CHECKS, "journal"), 0)
    found: list[Violation] = []
    journal_position = manifest.read_models["journal"].position
    journal = JournalRowCheck(_lines(tar, "journal", counts, found))
    waiting = {name: manifest.read_models[name].position for name in _CHECKS}

    def compare(position: int) -> int:
        """Compare the rows of the read models that are before a position; the next one's."""
        last = checks.log.position
        for name in [one for one, at in waiting.items() if at < position]:
            checks.log.position = waiting.pop(name)
            found.extend(_CHECKS[name](checks, list(_lines(tar, name, counts, found))))
        checks.log.position = last
        return min(waiting.values(), default=manifest.size)

    next_at = compare(1)

    for tile in entry_tiles(1, manifest.size):
        for data in read_leaves(tar, tile):
            try:
                leaf = leaf_bytes.decode(data)
            except EvidenceError:
                continue
            recorded = reader.recorded(leaf, event_id=False)
            position = recorded.position
            if position > next_at:
                next_at = compare(position)
            checks.observe(recorded)
            if position <= journal_position:
                changes = checks.books.changes_at(position)
                if changes or journal.next_position <= position:
                    event_id = make_uuid(leaf.event_id)
                    journal.observe(recorded._replace(event_id=event_id), changes)
    compare(manifest.size + 1)
    journal.finish(journal_position)
    checks.finish()
    violations = [*checks.violations, *found, *journal.violations]
    return WholeResult(violations, checks.books.balances, counts)


def _lines(
    tar: TarReader, name: str, counts: dict[str, int], found: list[Violation]
) -> Iterator[Any]:
    """The rows of a read model; a line that is none, or a key again, is a violation."""
    last: Any = None
    decode, key_of = rows.DECODERS[name].decode, attrgetter(*rows.KEYS[name])
    for number, line in enumerate(tar.lines(bundle.model_member(name)), 1):
        try:
            row = decode(line)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            found.append(Violation(INVARIANT, 0, f"{name}, line {number}: {error}"))
            continue
        key = key_of(row)
        if last is not None and key <= last:
            text = f"{name}, line {number}: {key} is not after {last}"
            found.append(Violation(INVARIANT, 0, text))
        last = key
        counts[name] += 1
        yield row
