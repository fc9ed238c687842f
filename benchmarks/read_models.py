"""Read models: events per second of a rebuild, and the time from a commit to its row."""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from typing import Final

import msgspec

from benchmarks.flows import Clients
from benchmarks.installation import Installation
from benchmarks.limits import CONNECTIONS, STEADY_SECONDS
from benchmarks.processes import ROOT, environment_of, started
from benchmarks.read_model_probe import COMMITS_PER_SECOND, Request
from benchmarks.table import Table, milliseconds
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from projections._runner import Runner
from projections.sessions import Sessions

REBUILD_SECONDS_MAX: Final = 600


def measure_rebuild(url: str, table: Table) -> None:
    """Rebuild the read model `sessions` from the whole log."""
    log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=1))
    pool = ConnectionPool(
        url, DatabaseRole.PROJECTOR, size_max=1, limit_seconds=REBUILD_SECONDS_MAX
    )
    runner = Runner(Sessions, pool.connection)
    before, cpu = time.perf_counter(), time.process_time()
    events = runner.rebuild(partial(log.page, topics=runner.topics))
    took, used = time.perf_counter() - before, time.process_time() - cpu
    pool.close()
    log.close()
    table.row(
        "rebuild of `sessions`, events/s", f"{events / took:,.0f}",
        f"per event: worker {1e6 * used / events:.0f}",
    )  # fmt: skip


async def measure_lag(running: Installation, flows_per_second: float, table: Table) -> None:
    """Seconds from a commit to its row in `sessions`, at rest and under load.

    Args:
        running: the installation.
        flows_per_second: the load.
        table: receives the results.
    """
    name = f"commit to read model, {COMMITS_PER_SECOND} commits/s"
    at_rest = await _probe(running)
    table.row(f"{name} at rest, p50 / p99 (p50 at most 20 ms)", milliseconds(at_rest))
    clients = Clients(running.base_url, running.keys, CONNECTIONS)
    await clients.open_wallets()
    load = clients.run(STEADY_SECONDS, per_second=flows_per_second)
    loaded, _ = await asyncio.gather(_probe(running), load)
    clients.close()
    table.row(f"{name} beside {flows_per_second:,.0f} flows/s, p50 / p99", milliseconds(loaded))


async def _probe(running: Installation) -> list[float]:
    request = Request(
        running.base_url, running.database_url, running.keys["merchant_key"], STEADY_SECONDS
    )
    command = [sys.executable, "-P", "-m", "benchmarks.read_model_probe"]
    with started(command, environment_of(ROOT)) as process:
        output, _ = await asyncio.to_thread(
            process.communicate, msgspec.json.encode(request) + b"\n"
        )
    if process.returncode:
        msg = "the probe of the read model failed; see the error above"
        raise RuntimeError(msg)
    return msgspec.json.decode(output, type=list[float])
