"""A lawful history, its bundle, and the checkpoints that somebody outside has kept."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from domain.audit.note import Note
from domain.audit.tiles import split_bundle
from infrastructure.bundles.events import entry_tiles
from tests.simulation.simulation import Simulation
from tests.support import bundles
from tests.support.bundles import Members, MemorySource


@dataclass(frozen=True)
class History:
    """One simulated ledger, exported."""

    source: MemorySource
    members: Members
    leaves: list[bytes]
    older: Note
    """A genuine checkpoint over the first half."""

    @property
    def size(self) -> int:
        return len(self.leaves)

    @property
    def note(self) -> Note:
        """The newest checkpoint, as somebody outside has kept it."""
        return self.source.head().note(bundles.KEY)

    def find(self, *topics: str) -> list[int]:
        """The indexes of the events of some topics."""
        return [n for n, one in enumerate(self.source.events) if one.topic in topics]


def history(seed: int) -> History:
    """Simulate a ledger and export it."""
    logging.disable()
    try:
        simulation = Simulation(seed)
        violations = simulation.run().violations
    finally:
        logging.disable(logging.NOTSET)
    assert violations == []
    return of(MemorySource.of(simulation.log))


def of(source: MemorySource) -> History:
    """Export a ledger."""
    members = bundles.exported(source, source.head().note(bundles.KEY))
    leaves = leaves_of(members, len(source.events))
    older = source.head(len(leaves) // 2).note(bundles.KEY)
    return History(source, members, leaves, older)


def leaves_of(members: Members, size: int) -> list[bytes]:
    """The leaves of all events."""
    tiles = entry_tiles(1, size)
    return [leaf for tile in tiles for leaf in split_bundle(members[tile.path], tile.width)]
