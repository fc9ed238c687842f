"""`make simulate SEEDS=1-200`: run seeds and print a summary; exits with 1 on a violation."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter

from tests.simulation.simulation import simulate


def main(seeds: str) -> int:
    first, _, last = seeds.partition("-")
    logging.disable()  # a clock that jumps a thousand times logs as often
    started = time.perf_counter()
    totals: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    failed = []
    for seed in range(int(first), int(last or first) + 1):
        report = simulate(seed)
        faults += report.faults
        totals += Counter(
            seeds=1, steps=report.steps, events=report.events, commands=report.commands,
            acknowledged=report.acknowledged,
            accepted=report.clocks_accepted, seconds=int(report.seconds),
        )  # fmt: skip
        if seed % 20 == 0 and simulate(seed).trace != report.trace:
            failed.append(seed)
            print(f"seed {seed}: a second run had another trace")
        for violation in report.violations:
            print(f"seed {seed}: {violation}")
        if report.violations:
            failed.append(seed)
    print(
        f"{totals['seeds']} seeds ({seeds}), {totals['seconds'] / 86_400:.1f} virtual days, "
        f"{totals['steps']} steps, {totals['events']} events of {totals['commands']} commands, "
        f"{totals['acknowledged']} results acknowledged, "
        f"{totals['accepted']} clocks accepted, {time.perf_counter() - started:.0f} s"
    )
    print("faults: " + ", ".join(f"{count} x {fault}" for fault, count in faults.most_common()))
    print(f"failing seeds: {sorted(set(failed)) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "1-50"))
