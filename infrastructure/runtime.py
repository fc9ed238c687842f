"""The garbage collector, tuned for a process that keeps many objects."""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 50_000
MIDDLE_ROUNDS: Final = 20
OLD_ROUNDS: Final = 100


def tune_garbage_collector() -> None:
    """Collect garbage cycles rarely: a command creates hundreds of objects and hardly any cycles.

    With Python's own thresholds the collector takes a quarter of the time of a busy bus
    (docs/explanation/performance.md). Objects that exist at the start are never examined again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, MIDDLE_ROUNDS, OLD_ROUNDS)
