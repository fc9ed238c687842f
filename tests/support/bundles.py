"""Bundles of ledgers in memory, signed by a key of the tests; and their members, to be damaged."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from application.checks.books import is_debit_normal
from application.checks.checker import LogChecker
from application.event_log import Receipt, Recorded
from domain import ids
from domain.accounting.rules import postings
from domain.audit import bundle
from domain.audit.merkle import hash_leaf, root_of
from domain.audit.note import Checkpoint, Note
from domain.audit.policy import Policy, of_keys
from domain.audit.tiles import TILE_WIDTH, Tile, encode_bundle
from domain.audit.vkey import KeyType, SigningKey
from infrastructure.bundles.events import to_leaf
from infrastructure.bundles.export import export
from infrastructure.bundles.tar_file import TarReader, TarWriter
from tests.support.memory_log import MemoryLog

ORIGIN: Final = "ledger.example/test/01890a5d-ac96-774b-bcce-b302099a8057"
KEY: Final = SigningKey.of(ORIGIN, KeyType.NOTE, bytes(range(32)))
TRUSTED: Final[Policy] = of_keys(KEY.verifier)
Members = dict[str, bytes]


class MemorySource:
    """A log in memory as an export reads it; the rows are computed from the events."""

    def __init__(self, events: Sequence[Recorded], receipts: Iterable[Receipt]) -> None:
        self.events = list(events)
        self._receipts = list(receipts)
        self._checker = LogChecker()
        for recorded in self.events:
            self._checker.observe(recorded)

    @classmethod
    def of(cls, log: MemoryLog) -> MemorySource:
        return cls(log.events, log.receipts.values())

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        return self.events[after : after + limit]

    def receipts(self, size: int) -> Iterable[Receipt]:
        return [one for one in self._receipts if (one.last_position or 0) <= size]

    def models(self) -> dict[str, int]:
        return {name: len(self.events) for name in bundle.READ_MODELS}

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        return sorted(getattr(self, f"_{name}")())

    def head(self, size: int | None = None) -> Checkpoint:
        hashes = [hash_leaf(to_leaf(one)) for one in self.events[:size]]
        return Checkpoint(ORIGIN, len(hashes), root_of(hashes))

    def _sessions(self) -> Iterator[tuple[Any, ...]]:
        for one in self._checker.sessions.facts.values():
            yield (
                one.session_id, one.merchant_id, one.order_id, one.amount_minor, one.currency,
                one.expires_at, one.status, one.version, one.position, one.fee_minor,
                one.refunded_minor, one.disputed_minor, one.flags_json, one.payer,
                *one.payer_amount,
            )  # fmt: skip

    def _wallet_payments(self) -> Iterator[tuple[Any, ...]]:
        for one in self._checker.sessions.facts.values():
            if one.payer is not None:
                yield (
                    ids.encode("ps", one.session_id), one.payer, one.merchant_id, one.amount_minor,
                    one.currency, one.paid_position,
                )  # fmt: skip

    def _balances(self) -> Iterator[tuple[Any, ...]]:
        books = self._checker.books
        for key, minor in books.balances.items():
            yield (*key, books.exponents[key], minor, books.earned.get(key, 0))

    def _payouts(self) -> Iterator[tuple[Any, ...]]:
        for stream, one in self._checker.payouts.facts.items():
            yield (ids.encode("pay", stream), *one.figures, one.status, one.position)

    def _refunds(self) -> Iterator[tuple[Any, ...]]:
        return self._open_subjects("ref")

    def _attempts(self) -> Iterator[tuple[Any, ...]]:
        return self._open_subjects("att")

    def _open_subjects(self, prefix: str) -> Iterator[tuple[Any, ...]]:
        for name, one in self._checker.open_subjects.of(f"{prefix}_").items():
            yield (
                ids.decode(prefix, name), one.session_id, one.begun_position, one.position,
                one.is_open, one.unresolved,
            )  # fmt: skip

    def _static_codes(self) -> Iterator[tuple[Any, ...]]:
        for stream, one in self._checker.static_codes.facts.items():
            revoked = one.revoked_at is not None
            yield (ids.encode("sc", stream), one.merchant_id, one.currency, one.position, revoked)

    def _journal(self) -> Iterator[tuple[Any, ...]]:
        balances: dict[tuple[str, str], int] = {}
        for recorded in self.events:
            for no, one in enumerate(postings(recorded.event), 1):
                key = (one.account, one.currency)
                grows = (one.side.value == "debit") is is_debit_normal(one.account)
                balances[key] = balances.get(key, 0) + (one.minor if grows else -one.minor)
                yield (
                    recorded.position, no, recorded.recorded_at, recorded.topic,
                    recorded.stream_id, one.account, one.side.value, one.minor, one.currency,
                    one.exponent, balances[key], recorded.event_id,
                )  # fmt: skip


def write(log: MemoryLog, path: Path) -> Note:
    """Export a log in memory; returns the signed checkpoint."""
    source = MemorySource.of(log)
    note = source.head().note(KEY)
    export(source, note.encode(), path)
    return note


def exported(source: MemorySource, note: Note) -> Members:
    """The members of a ledger's bundle."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.tar"
        export(source, note.encode(), path)
        return unpack(path)


def unpack(path: Path) -> Members:
    """The members of a bundle, in order."""
    tar = TarReader(path)
    try:
        return {name: tar.read(name) for name in tar.members}
    finally:
        tar.close()


def pack(members: Mapping[str, bytes], path: Path) -> Path:
    """Write members as a bundle."""
    buffer = io.BytesIO()
    writer = TarWriter(buffer)
    for name, data in members.items():
        writer.add(name, data)
    writer.finish()
    path.write_bytes(buffer.getvalue())
    return path


def with_leaves(members: Members, leaves: Sequence[bytes], *, tiles: bool) -> Members:
    """The members with other leaves; with `tiles`, the tiles are made again too."""
    changed = {name: data for name, data in members.items() if not name.startswith("tile/")}
    for start in range(0, len(leaves), TILE_WIDTH):
        page = leaves[start : start + TILE_WIDTH]
        index, width = start // TILE_WIDTH, len(page)
        changed[Tile(None, index, width).path] = encode_bundle(page)
        path = Tile(0, index, width).path
        changed[path] = b"".join(map(hash_leaf, page)) if tiles else members.get(path, b"")
    return changed


def signed(leaves: Sequence[bytes], *, key: SigningKey = KEY) -> Note:
    """A checkpoint over leaves."""
    return Checkpoint(ORIGIN, len(leaves), root_of(map(hash_leaf, leaves))).note(key)
