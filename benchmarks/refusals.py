"""Payment flows of which others try to take some, with recorded refusals and without them.

`python -m benchmarks.refusals` measures this alone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

import psycopg
import uvloop

from benchmarks.comparison import compare_http
from benchmarks.cpu import costs
from benchmarks.installation import OTHER_PORTS, database_server, installation
from benchmarks.processes import stop_on_signals
from benchmarks.table import Table, spread
from infrastructure.postgres.embedded import EmbeddedServer

WITHOUT: Final = [sys.executable, "-P", "-m", "benchmarks.without_refusals"]
LOSING_EVERY: Final = 3
"""Three flows are nine commands; the tenth is the losing one."""
RECORDED: Final = "select count(*) from ledger.events where topic = 'refusal.recorded'"


def measure_refusals(server: EmbeddedServer, folder: Path, table: Table) -> None:
    """Compare both installations in alternating slices; one of ten commands is refused.

    Args:
        server: holds both databases.
        folder: for the files of both.
        table: receives the result.
    """
    with (
        installation(server, "refusals", folder) as ours,
        installation(server, "no_refusals", folder, ports=OTHER_PORTS, program=WITHOUT) as theirs,
    ):
        pairs = uvloop.run(compare_http(ours, theirs, losing_every=LOSING_EVERY))
        recorded = [_recorded(each.database_url) for each in (ours, theirs)]
    table.row(
        "HTTP flows/s, 10% losing, with recorded refusals / without (at least 0.95)",
        spread([with_them.rate / without.rate for with_them, without in pairs]),
        " / ".join(costs([pair[side] for pair in pairs]) for side in (0, 1)),
    )
    table.row(
        "processor time of a command, without recorded refusals / with them",
        spread([without.total_cost / with_them.total_cost for with_them, without in pairs]),
        f"recorded: {recorded[0]:,} / {recorded[1]:,}",
    )


def _recorded(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(RECORDED).fetchone()
    return row[0] if row else 0


def main() -> None:
    """Measure this alone."""
    stop_on_signals()
    with (
        tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name,
        database_server(Path(name) / "store") as server,
    ):
        measure_refusals(server, Path(name), Table())


if __name__ == "__main__":
    main()
