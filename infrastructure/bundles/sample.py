"""`audit sample`: payments of a bundle for a person to look at, selected by its checkpoint's root.

The signatures, the hashes and the root are checked on the way, so that the population is the sealed
one; the rules are not, which `audit verify` is for.
"""

from __future__ import annotations

from array import array
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from domain import ids
from domain.audit import bundle, sampling
from domain.audit import leaf as leaves
from domain.audit import note as notes
from domain.audit.errors import EvidenceError, InvalidProof, MalformedBundle
from domain.audit.note import Checkpoint
from domain.audit.policy import Policy
from domain.audit.tiles import TILE_WIDTH, Tile
from infrastructure.bundles.events import EventReader, read_leaves
from infrastructure.bundles.findings import Findings
from infrastructure.bundles.hashing import HashedBundle
from infrastructure.bundles.tar_file import TarReader

PAID = "payment_session.paid"


@dataclass(slots=True)
class Population:
    """The payments of one currency: positions and amounts, 16 bytes for each."""

    positions: array[int] = field(default_factory=lambda: array("q"))
    amounts: array[int] = field(default_factory=lambda: array("q"))
    total_minor: int = 0

    def add(self, position: int, minor: int) -> None:
        """Take in a payment."""
        self.positions.append(position)
        self.amounts.append(minor)
        self.total_minor += minor


@dataclass(frozen=True, slots=True)
class Selected:
    """A payment that was selected."""

    position: int
    session_id: str
    merchant_id: str
    recorded_at: str
    amount_minor: int
    units: int
    """How many of its units were selected; more than 1 if the amount is above the interval."""


@dataclass(frozen=True, slots=True)
class CurrencySample:
    """What was selected in one currency."""

    currency: str
    exponent: int
    payments: int
    total_minor: int
    interval_minor: int
    start_minor: int
    selected: list[Selected]


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample of a bundle."""

    bundle: str
    origin: str
    size: int
    root: str
    count: int
    currencies: list[CurrencySample]

    def document(self) -> dict[str, Any]:
        """The sample as JSON."""
        return asdict(self)


def sample(path: Path, policy: Policy, count: int) -> Sample:
    """Select payments of a bundle, currency by currency.

    Args:
        path: the bundle.
        policy: the keys that are trusted, and the witnesses that must have cosigned.
        count: how many units to select in each currency.

    Raises (checked in this order):
        OSError: the file cannot be read.
        MalformedBundle, NewerFormat, MalformedNote, MalformedCheckpoint: it is no bundle.
        EvidenceError: the checkpoint is not signed as the policy demands.
        InvalidProof: a part; or the events do not lead to the root; or a payment cannot be read.
    """
    tar = TarReader(path)
    try:
        bundle.check_format(tar.read(bundle.FORMAT_MEMBER))
        manifest = bundle.parse_manifest(tar.read(bundle.MANIFEST))
        note = notes.parse(tar.read(bundle.CHECKPOINT))
        head = notes.parse_checkpoint(note.text)
        policy.check(note)
        if not manifest.is_whole or manifest.size != head.size:
            raise InvalidProof(reason="the bundle is a part, which is no population")
        populations = _populations(tar, head)
        currencies = [
            _selected(tar, head, currency, population, count)
            for currency, population in sorted(populations.items())
        ]
    finally:
        tar.close()
    return Sample(str(path), head.origin, head.size, head.root.hex(), count, currencies)


def _populations(tar: TarReader, head: Checkpoint) -> dict[str, Population]:
    """The payments of the whole log, by currency; the events must lead to the root."""
    findings, found, reader = Findings(), dict[str, Population](), EventReader()
    hashed = HashedBundle(tar, head.size, findings)
    for first, data in hashed.leaves():
        for position, one in enumerate(data, first):
            leaf = leaves.decode(one)
            if leaf.topic != PAID:
                continue
            try:
                event: Any = reader.recorded(leaf, event_id=False, command_id=False).event
                population = found.setdefault(event.currency, Population())
                population.add(position, max(0, event.amount_minor))
            except Exception as error:
                raise InvalidProof(reason=f"position {position} cannot be read: {error}") from error
    if findings.count or hashed.root_at(head.size, hashed.nodes()) != head.root:
        raise InvalidProof(reason="the events do not lead to the root of the checkpoint")
    return {currency: one for currency, one in found.items() if one.total_minor}


def _selected(
    tar: TarReader, head: Checkpoint, currency: str, population: Population, count: int
) -> CurrencySample:
    interval = sampling.interval_of(population.total_minor, count)
    start = sampling.start_of(head, currency, interval)
    reader, selected, exponent = EventReader(), list[Selected](), 0
    for index, units in sampling.select(population.amounts, interval, start):
        recorded = _event(tar, head.size, population.positions[index], reader)
        event: Any = recorded.event
        exponent = event.exponent
        selected.append(
            Selected(
                recorded.position,
                ids.encode("ps", recorded.stream_id),
                event.merchant_id,
                recorded.recorded_at.isoformat().replace("+00:00", "Z"),
                event.amount_minor,
                units,
            )
        )
    payments, total = len(population.positions), population.total_minor
    return CurrencySample(currency, exponent, payments, total, interval, start, selected)


def _event(tar: TarReader, size: int, position: int, reader: EventReader) -> Any:
    """The recorded event at a position, which was read before."""
    index, within = divmod(position - 1, TILE_WIDTH)
    tile = Tile(None, index, min(TILE_WIDTH, size - index * TILE_WIDTH))
    try:
        return reader.recorded(
            leaves.decode(read_leaves(tar, tile)[within]), event_id=False, command_id=False
        )
    except EvidenceError as error:
        raise MalformedBundle(reason="the file has changed while it was read") from error
