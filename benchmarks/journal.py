"""The books: events per second of the journal's rebuild, and entries per second of an export."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.read_models import REBUILD_SECONDS_MAX
from benchmarks.table import Table
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.exports.export import read_range, write_books
from infrastructure.exports.formats import Beancount
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from projections._runner import Runner
from projections.journal import Journal

REBUILD_GOAL: Final = 30_000
EXPORT_GOAL: Final = 20_000


def measure_journal(url: str, table: Table) -> None:
    """Rebuild the read model `journal` from the whole log, and export the log's entries."""
    log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=1))
    _measure_rebuild(url, log, table)
    _measure_export(log, table)
    log.close()


def _measure_rebuild(url: str, log: PostgresLog, table: Table) -> None:
    pool = ConnectionPool(
        url, DatabaseRole.PROJECTOR, size_max=1, limit_seconds=REBUILD_SECONDS_MAX
    )
    runner = Runner(Journal, pool.connection)
    before, cpu = time.perf_counter(), time.process_time()
    events = runner.rebuild(partial(log.page, topics=runner.topics))
    took, used = time.perf_counter() - before, time.process_time() - cpu
    pool.close()
    table.row(
        f"rebuild of `journal`, events/s (at least {REBUILD_GOAL:,})", f"{events / took:,.0f}",
        f"per event: worker {1e6 * used / events:.0f}",
    )  # fmt: skip


def _measure_export(log: PostgresLog, table: Table) -> None:
    positions = read_range(log, None, None)
    with tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name:
        before, cpu = time.perf_counter(), time.process_time()
        with (Path(name) / "books").open("w", encoding="utf-8") as file:
            entries = write_books(log, positions, Beancount(), file)
        took, used = time.perf_counter() - before, time.process_time() - cpu
    share = entries / (positions.end - 1)
    table.row(
        f"export for Beancount, entries/s (at least {EXPORT_GOAL:,})", f"{entries / took:,.0f}",
        f"per entry: program {1e6 * used / entries:.0f}; {share:.0%} of the events post",
    )  # fmt: skip
