"""Trials: one way to tamper at a random position, and what the auditor says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from domain.audit.errors import EvidenceError
from infrastructure.bundles.verify import OldNote, verify
from tests.support import bundles
from tests.support.bundles import TRUSTED
from tests.tampering.history import History, history
from tests.tampering.kinds import KINDS, Tampered

HISTORIES: Final = 4
"""Simulated ledgers in turn."""


@dataclass
class Totals:
    """What the trials have shown."""

    found: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    """Of those that were found: bundles that cannot be read at all."""
    missed: list[str] = field(default_factory=list)
    """Not found, or at another position; with seed and kind."""
    false_alarms: list[str] = field(default_factory=list)


def run(trials: Iterable[int], seed: int = 1) -> Totals:
    """Run numbered trials; trial `n` is the same in every run with the seed."""
    totals, histories = Totals(), dict[int, History]()
    names = list(KINDS)
    for number in trials:
        which = number % HISTORIES
        if which not in histories:
            histories[which] = history(seed * 1000 + which)
            if alarm := judge(Tampered(histories[which].members), histories[which])[0]:
                totals.false_alarms.append(f"history {seed * 1000 + which}: {alarm}")
        name = names[number % len(names)]
        # The random source of a trial depends on nothing but its number and the seed.
        tampered = KINDS[name](random.Random(f"{seed} {number}"), histories[which])
        verdict, problem = judge(tampered, histories[which])
        if verdict is None or problem:
            totals.missed.append(f"trial {number}, seed {seed}, {name}: {problem or 'proven'}")
        else:
            totals.found[name] += 1
            totals.unreadable[name] += verdict == "unreadable"
    return totals


def judge(tampered: Tampered, of: History) -> tuple[str | None, str | None]:
    """What the auditor says, given the newest outside note; and what is wrong with that."""
    notes = [OldNote("older", of.older.encode()), OldNote("newest", of.note.encode())]
    with TemporaryDirectory() as folder:
        path = bundles.pack(tampered.members, Path(folder) / "bundle.tar")
        try:
            report = verify(path, TRUSTED, notes)
        except EvidenceError:
            placed = tampered.position or tampered.within
            return "unreadable", "cannot be read" if placed else None
    if report.is_proven:
        return None, None
    first = report.first_bad
    assert first is not None
    if tampered.position and first.position != tampered.position:
        return first.text, f"{first}, not at {tampered.position}"
    if tampered.within and report.interval != tampered.within:
        return first.text, f"between {report.interval}, not {tampered.within}"
    return first.text, None
