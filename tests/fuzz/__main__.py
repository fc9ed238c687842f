"""`make fuzz EXECUTIONS=20000 SEED=1`: hostile texts for each parser of scanned texts.

Exits with 1 if a parser did anything but read a text or refuse it with a named error.
"""

from __future__ import annotations

import sys
import time

from tests.fuzz.fuzz import fuzz
from tests.fuzz.targets import TARGETS


def main(executions: int, seed: int, names: list[str]) -> int:
    failed = False
    for target in TARGETS:
        if names and target.name not in names:
            continue
        started = time.perf_counter()
        report = fuzz(target, executions, seed)
        seconds = time.perf_counter() - started
        causes = ", ".join(f"{cause} {count:,}" for cause, count in report.refused.most_common())
        print(
            f"{target.name}: {report.executions:,} executions, {report.read:,} read, at most "
            f"{report.steps:,} steps, {seconds:.0f} s; refused: {causes}",
            flush=True,
        )
        for outcome, text in report.failures.items():
            failed = True
            print(f"  {outcome}, seed {seed}, with {text!a}")
    print(f"failures: {'see above' if failed else 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    executions, seed, *names = [*sys.argv[1:], *("20000", "1")[len(sys.argv) - 1 :]]
    sys.exit(main(int(executions), int(seed), names))
