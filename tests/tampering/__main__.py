"""`make tamper TRIALS=1000 SEED=1`: tamper with histories at random positions.

Exits with 1 if anything was missed, or if an untouched history was not proven.
"""

from __future__ import annotations

import sys
import time

from tests.tampering.kinds import KINDS
from tests.tampering.trials import run


def main(trials: int, seed: int) -> int:
    started = time.perf_counter()
    totals = run(range(trials), seed)
    for name in KINDS:
        unreadable = totals.unreadable[name]
        note = f", {unreadable} of them unreadable" if unreadable else ""
        print(f"  {name}: {totals.found[name]} found{note}")
    for text in (*totals.missed, *totals.false_alarms):
        print(text)
    print(
        f"{trials} trials of {len(KINDS)} kinds, seed {seed}: {totals.found.total()} found, "
        f"{len(totals.missed)} missed or elsewhere, {len(totals.false_alarms)} false alarms, "
        f"{time.perf_counter() - started:.0f} s"
    )
    return 1 if totals.missed or totals.false_alarms else 0


if __name__ == "__main__":
    trials, seed = [*sys.argv[1:], *("1000", "1")[len(sys.argv) - 1 :]]
    sys.exit(main(int(trials), int(seed)))
