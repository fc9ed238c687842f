"""Seeds of the simulation that must find no violation, and the same trace for the same seed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.simulation import simulate

REGRESSIONS = [14, 30]
"""Seeds that once found a violation: 14, a worker whose clock stayed in doubt; 30, two connections of
one screen."""


@pytest.mark.parametrize("seed", [*range(1, 9), *REGRESSIONS])
def test_a_ledger_is_right_after_faults(seed: int) -> None:
    report = simulate(seed)

    assert report.violations == []
    assert report.acknowledged > 0


def test_the_same_seed_has_the_same_trace_in_any_process() -> None:
    program = "from tests.simulation.simulation import simulate; print(simulate(7).trace)"

    traces = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]

    assert traces[0] == traces[1]
    assert traces[0].strip() != simulate(8).trace
