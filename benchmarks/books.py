"""Payment flows through an installation that keeps books, and through one that does not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.comparison import Pair, compare_http
from benchmarks.installation import OTHER_PORTS, installation
from benchmarks.table import Table, spread
from infrastructure.postgres.embedded import EmbeddedServer

WITHOUT: Final = [sys.executable, "-P", "-m", "benchmarks.without_books"]


def measure_books(server: EmbeddedServer, folder: Path, table: Table) -> None:
    """Compare both installations in alternating slices.

    Args:
        server: holds both databases.
        folder: for the files of both.
        table: receives the result.
    """
    with (
        installation(server, "books", folder) as ours,
        installation(server, "no_books", folder, ports=OTHER_PORTS, program=WITHOUT) as theirs,
    ):
        pairs = uvloop.run(compare_http(ours, theirs))
    table.row(
        "HTTP flows/s with the books / without (at least 0.9)",
        spread([with_books.rate / without.rate for with_books, without in pairs]),
        f"{_cost(pairs, 0)} / {_cost(pairs, 1)}",
    )


def _cost(pairs: list[Pair], side: int) -> str:
    """The processor time per command of the worker, which keeps the books."""
    costs = sorted(pair[side].cost("work") for pair in pairs)
    return f"work {costs[len(costs) // 2]:.0f}"
