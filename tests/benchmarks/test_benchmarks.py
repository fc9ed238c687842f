"""What the benchmarks' figures rest on: processor time, intervals, versions, processes that end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import against, comparison
from benchmarks.cpu import Meter, Turn, family_seconds, process_seconds
from benchmarks.processes import ROOT, environment_of, started
from infrastructure.postgres.processes import alive

END_SECONDS_MAX = 20
BURN = "sum(range(30_000_000))"
PARENT_OF_A_CHILD_THAT_ENDED = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", "{BURN}"], check=True)
print("ended", flush=True)
sys.stdin.readline()
"""
PARENT_OF_A_LIVE_CHILD = f"""
import subprocess, sys
child = [sys.executable, "-c", "import sys; {BURN}; print('used', flush=True); sys.stdin.readline()"]
subprocess.run(child, check=True)
"""
BENCHMARK = """
import sys, time
from benchmarks.processes import environment_of, started, stop_on_signals
from pathlib import Path
stop_on_signals()
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
with started(sleeper, environment_of(Path.cwd())) as process:
    print(process.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("program", [PARENT_OF_A_CHILD_THAT_ENDED, PARENT_OF_A_LIVE_CHILD])
def test_the_processor_time_of_a_server_includes_its_backends(program: str) -> None:
    with started([sys.executable, "-c", program], environment_of(ROOT)) as process:
        assert process.stdout is not None
        process.stdout.readline()

        own, all_of_them = process_seconds(process.pid), family_seconds(process.pid)

    assert all_of_them > own + 0.05


def test_a_meter_counts_from_when_it_was_made() -> None:
    sum(range(10_000_000))

    meter = Meter({"this": os.getpid()})

    assert meter.seconds()["this"] < process_seconds(os.getpid())


def test_slices_of_a_turn_add_up() -> None:
    one, two = Turn(100, 2.0, {"bus": 0.01}), Turn(300, 2.0, {"bus": 0.05})

    turn = one + two

    assert turn.rate == 100
    assert turn.cost("bus") == pytest.approx(150)
    assert turn.total_cost == pytest.approx(150)


@pytest.mark.parametrize(
    ("count", "lowest", "highest", "probability"),
    [(3, 0, 2, 0.75), (6, 0, 5, 0.96875), (11, 1, 9, 0.98828125), (20, 5, 14, 0.958610534)],
)
def test_the_interval_of_a_ratio_states_its_probability(
    count: int, lowest: int, highest: int, probability: float
) -> None:
    values = [float(number) for number in range(count)]

    interval = against.interval(values[::-1])

    assert interval == pytest.approx((lowest, highest, probability))


def test_both_versions_take_each_place_of_a_turn_equally_often() -> None:
    places = [0, 0]

    for number in range(2):
        for place, version in enumerate(comparison.order(number)):
            places[version] += place

    assert places[0] == places[1]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_a_revision_is_checked_out_without_a_trace_in_the_repository(tmp_path: Path) -> None:
    trees = subprocess.check_output(["git", "worktree", "list"], cwd=ROOT)

    against.check_out("HEAD", tmp_path / "tree")

    assert (tmp_path / "tree" / "benchmarks" / "bus_load.py").exists()
    assert subprocess.check_output(["git", "worktree", "list"], cwd=ROOT) == trees


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        signal.SIGTERM,
        pytest.param(
            signal.SIGKILL,
            marks=pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv"),
        ),
    ],
)
def test_no_process_of_a_benchmark_outlives_it(number: signal.Signals) -> None:
    benchmark = subprocess.Popen(
        [sys.executable, "-c", BENCHMARK], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert benchmark.stdout is not None
    sleeper = int(benchmark.stdout.readline())

    benchmark.send_signal(number)
    benchmark.wait(END_SECONDS_MAX)

    until = time.monotonic() + END_SECONDS_MAX
    while alive(sleeper) and time.monotonic() < until:
        time.sleep(0.01)
    benchmark.stdout.close()
    assert not alive(sleeper)
