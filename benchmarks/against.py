"""`make bench AGAINST=<git revision>`: this version of the program beside an older one.

Both versions are up, each with its own database on one PostgreSQL. The same load alternates between
them in slices of 2 s; a turn is four slices in the order A B B A, then B A A B, so that a machine
that becomes slower or faster changes both sums alike. BENCH_TURNS (11) shortens it.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from math import comb
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from benchmarks.bus_process import bus_process
from benchmarks.comparison import Pair, compare_http, order, pair
from benchmarks.cpu import Turn
from benchmarks.installation import (
    OTHER_PORTS,
    database_server,
    fresh_database,
    installation,
    process_id,
)
from benchmarks.limits import SLICE_SECONDS, TURNS
from benchmarks.processes import ROOT, stop_on_signals
from benchmarks.table import interpreter
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.runtime import tune_garbage_collector

CONFIDENCE: Final = 0.95
Slice = Callable[[], Turn]


def main(revision: str) -> None:
    """Compare the bus and the API, and print the ratios."""
    stop_on_signals()
    tune_garbage_collector()
    with tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name:
        folder = Path(name).resolve()
        commit = check_out(revision, folder / "tree")
        print(f"{interpreter()}; {TURNS} turns of 4 slices of {SLICE_SECONDS} s")
        print(f"{'':<28}{'this':>10}{commit:>12}   ratio, median and interval")
        with database_server(folder / "store") as server:
            compare_bus(server, folder / "tree")
            with (
                installation(server, "ours", folder) as ours,
                installation(
                    server, "theirs", folder, tree=folder / "tree", ports=OTHER_PORTS
                ) as theirs,
            ):
                _report("HTTP", uvloop.run(compare_http(ours, theirs)))
    *_, confidence = interval([0.0] * TURNS)
    print(f"The interval contains the true median with a probability of {confidence:.1%}.")


def check_out(revision: str, tree: Path) -> str:
    """Write the files of a revision to a new folder; returns the revision's short hash.

    An archive, not a `git worktree`: the repository does not know it, so nothing stays behind.
    """
    name = f"{revision}^{{commit}}"
    parsed = subprocess.run(
        ["git", "rev-parse", "--short", name], cwd=ROOT, check=True, capture_output=True, text=True
    )
    archive = subprocess.run(
        ["git", "archive", "--format=zip", name], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    with zipfile.ZipFile(io.BytesIO(archive.stdout)) as files:
        files.extractall(tree)
    return parsed.stdout.strip()


def compare_bus(server: EmbeddedServer, tree: Path) -> None:
    """Commands per second through the bus, 64 in flight."""
    postmaster = process_id(server)
    urls = fresh_database(server, "ours_bus"), fresh_database(server, "theirs_bus", tree)
    with (
        bus_process(urls[0], postmaster) as ours,
        bus_process(urls[1], postmaster, tree) as theirs,
    ):
        for process in (ours, theirs):
            process.turn(SLICE_SECONDS)
        pairs = []
        for number in range(TURNS):
            slices = [(i, (ours, theirs)[i].turn(SLICE_SECONDS)) for i in order(number)]
            pairs.append(pair(slices))
    _report("bus", pairs)


def _report(name: str, pairs: Sequence[Pair]) -> None:
    _row(f"{name} commands/s", [(ours.rate, theirs.rate) for ours, theirs in pairs])
    for process in pairs[0][0].cpu:
        each = [(ours.cost(process), theirs.cost(process)) for ours, theirs in pairs]
        _row(f"  µs/command, {process}", each)
    _row("  µs/command, together", [(a.total_cost, b.total_cost) for a, b in pairs])


def _row(name: str, figures: Sequence[tuple[float, float]]) -> None:
    ours, theirs = (median(side) for side in zip(*figures, strict=True))
    ratios = [a / b for a, b in figures if b]
    if not ratios:
        return  # this process used no time in any turn
    low, high, _ = interval(ratios)
    print(
        f"{name:<28}{ours:>10,.0f}{theirs:>12,.0f}   "
        f"{median(ratios):.3f} ({low:.3f} to {high:.3f})",
        flush=True,
    )


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """An interval around the median of repeated measurements, from their order alone.

    The k-th lowest and k-th highest of n values enclose the true median unless fewer than k values
    lie on one side of it, which follows the binomial distribution.

    Returns:
        The narrowest such interval with a probability of at least 95 %, or the whole range if
        there are too few values (fewer than 6), and its probability.
    """
    n, ranked = len(values), sorted(values)

    def probability(k: int) -> float:
        outside = sum(comb(n, i) for i in range(k))
        return 1 - 2 * outside / 2.0**n

    k = max([k for k in range(1, n // 2 + 1) if probability(k) >= CONFIDENCE], default=1)
    return ranked[k - 1], ranked[n - k], probability(k)


if __name__ == "__main__":
    main(sys.argv[1])
