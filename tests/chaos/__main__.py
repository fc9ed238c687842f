"""`make faults SECONDS=60 SEED=1`: a run with every fault, then the control that must lose some."""

from __future__ import annotations

import sys

from tests.chaos.run import chaos, control


def main(words: list[str]) -> int:
    seconds, seed = float(words[0]), int(words[1])
    figures = chaos(seed, seconds)
    print("\n".join(figures.lines()), flush=True)
    kills, acknowledged, lost = control(seed)
    print(
        f"control, synchronous_commit = off: {kills} kills of PostgreSQL, "
        f"{acknowledged} sessions acknowledged, {lost} lost"
    )
    if not lost:
        print("the control lost nothing: this judge would not have noticed")
    return 0 if figures.clean and lost else 1


if __name__ == "__main__":
    sys.exit(main([*sys.argv[1:], *["60", "1"][len(sys.argv) - 1 :]]))
