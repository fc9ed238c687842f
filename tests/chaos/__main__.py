"""`make faults SECONDS=60 SEED=1`: one run with every fault, then the control run."""

from __future__ import annotations

import sys

from tests.chaos.run import chaos, control


def main(arguments: list[str]) -> int:
    seconds, seed = float(arguments[0]), int(arguments[1])
    report = chaos(seed, seconds)
    print("\n".join(report.lines()), flush=True)
    kills, acknowledged, lost = control(seed)
    print(
        f"control with synchronous_commit = off: PostgreSQL killed {kills} times, "
        f"{acknowledged} sessions acknowledged, {lost} of them lost"
    )
    if not lost:
        print("the control run lost nothing, so it does not show that a loss would be detected")
    return 0 if report.clean and lost else 1


if __name__ == "__main__":
    sys.exit(main([*sys.argv[1:], *["60", "1"][len(sys.argv) - 1 :]]))
