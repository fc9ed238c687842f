"""`make bench`: throughput and latency relative to the best the same machine can do.

Machines are shared and noisy. The two sides of a comparison take alternating turns of one second,
and the result is the median of the turns' ratios. BENCH_TURNS (11), BENCH_SOCKETS (5000),
BENCH_EVENTS (1000000), BENCH_BURST (100000), BENCH_PICTURES (10000), BENCH_DELIVERIES (100000)
and BENCH_SECONDS (8, of runs at a steady rate) shorten a run.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import uvloop

from benchmarks.auditing import measure_auditing
from benchmarks.books import measure_books
from benchmarks.bus_throughput import measure_bus
from benchmarks.event_streams import measure_streams
from benchmarks.expiry_burst import measure_expiry_burst
from benchmarks.http_throughput import measure_http
from benchmarks.installation import (
    Installation,
    database_server,
    fresh_database,
    installation,
    noop,
)
from benchmarks.journal import measure_journal
from benchmarks.limits import SHORTENED
from benchmarks.log_size import measure_log_size
from benchmarks.long_wallet import measure_long_wallet
from benchmarks.past import measure_past
from benchmarks.payments import measure_begin_to_paid, measure_callbacks
from benchmarks.pictures import measure_pictures
from benchmarks.processes import stop_on_signals
from benchmarks.qr_codes import measure_codes
from benchmarks.read_models import measure_lag, measure_rebuild
from benchmarks.refusals import measure_refusals
from benchmarks.scans import measure_scans
from benchmarks.sealing import measure_backlog, measure_seal_lag
from benchmarks.signing_keys import measure_keys
from benchmarks.slow_disk import slow_disk
from benchmarks.sockets import measure_screens
from benchmarks.table import Table, interpreter
from benchmarks.webhooks import measure_webhooks
from infrastructure.postgres import binaries
from infrastructure.runtime import tune_garbage_collector


def main() -> None:
    """Run all benchmarks, print the table, and save it under today's date."""
    stop_on_signals()
    tune_garbage_collector()
    table = Table()
    print(interpreter())
    with tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name:
        folder = Path(name)
        with database_server(folder / "store") as server:
            url = measure_bus(server, folder, table)
            measure_rebuild(url, table)
            measure_journal(url, table)
            measure_backlog(url, table)
            measure_log_size(server, table)
            measure_auditing(server, folder, table)
            measure_past(server, table)
            measure_long_wallet(fresh_database(server, "long_wallet"), table)
            measure_callbacks(fresh_database(server, "callbacks"), table)
            with installation(server, "api", folder) as running:
                _report_starts(running, table)
                measure_begin_to_paid(running.database_url, table)
                with noop() as idle:
                    rate = uvloop.run(measure_http(running, idle, table))
                uvloop.run(measure_scans(running, rate / 2, table))
                uvloop.run(measure_lag(running, rate / 2, table))
                uvloop.run(measure_seal_lag(running, rate / 2, table))
                uvloop.run(measure_pictures(running, table))
                uvloop.run(measure_streams(running, table))
                measure_screens(running, table)
            measure_books(server, folder, table)
            measure_webhooks(server, folder, table)
            measure_refusals(server, folder, table)
        measure_codes(table)
        measure_keys(table)
        measure_expiry_burst(folder / "burst", table)
        with slow_disk(folder) as slow:
            if slow:
                with database_server(folder / "slow") as server:
                    measure_bus(server, folder, table, ", 1 ms added to each fdatasync")
    version = binaries.find()
    if not SHORTENED:
        print(table.save(str(version.major if version else "?")))


def _report_starts(running: Installation, table: Table) -> None:
    for process, seconds in running.started_seconds.items():
        memory = f"{seconds:.2f} s, {running.memory_mib(process):.0f} MiB"
        table.row(f"`{process}`: time to start, memory after it", memory)


if __name__ == "__main__":
    main()
