"""Sealing: events per second of a backlog, and how long an event waits for its checkpoint."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Final

import psycopg

from application.sealing.evidence import Evidence
from application.sealing.sealer import PAGE_EVENTS, Sealer
from benchmarks.flows import Clients
from benchmarks.installation import Installation
from benchmarks.limits import CONNECTIONS, STEADY_SECONDS, TURN_SECONDS, TURNS
from benchmarks.load import percentile
from benchmarks.processes import PROGRAM, ROOT, environment_of, started
from benchmarks.table import Table, milliseconds, spread
from domain.audit.vkey import KeyType, SigningKey
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole, connect
from infrastructure.postgres.query_connections import QueryConnections
from infrastructure.sealing.database import prepare
from infrastructure.sealing.home import NoteFile
from infrastructure.sealing.process import CHECKPOINT_SECONDS
from infrastructure.sealing.published import PostgresSealedLog
from infrastructure.sealing.store import PostgresSealStore
from infrastructure.settings import Settings

BACKLOG_GOAL: Final = 30_000
COST_GOAL: Final = 0.97
RECEIPTS: Final = 1000
CATCH_UP_SECONDS_MAX: Final = 120
ORIGIN: Final = "bench.example/test/00000000-0000-0000-0000-000000000000"
LAGS: Final = """
with published as (
    select size, published_at, lag(size, 1, 0::bigint) over (order by number) before
      from seal.checkpoints)
select extract(epoch from p.published_at - e.recorded_at)::float8
  from published p join ledger.events e
       on e.notification_id > p.before and e.notification_id <= p.size
 where e.notification_id > %s and e.notification_id <= %s
"""


def measure_backlog(url: str, table: Table) -> None:
    """Seal a whole log from its beginning, with a checkpoint a second, as `qrledger seal` does."""
    key = SigningKey.of(ORIGIN, KeyType.NOTE, bytes(32))
    with (
        tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name,
        closing(connect(url, DatabaseRole.SEALER)) as connection,
    ):
        store = PostgresSealStore(connection)
        notes = NoteFile(Path(name) / "notes")
        sealer = Sealer(store, notes, lambda head: head.note(key), origin=ORIGIN)
        before, cpu = time.perf_counter(), time.process_time()
        sealed_at = before
        while sealer.read() == PAGE_EVENTS:
            if time.perf_counter() - sealed_at >= CHECKPOINT_SECONDS:
                sealed_at = time.perf_counter()
                sealer.seal()
        events = sealer.seal().size
        took, used = time.perf_counter() - before, time.process_time() - cpu
    table.row(
        f"sealing of a backlog, events/s (at least {BACKLOG_GOAL:,})", f"{events / took:,.0f}",
        f"per event: sealer {1e6 * used / events:.0f}",
    )  # fmt: skip
    _measure_receipts(url, events, table)


def _measure_receipts(url: str, size: int, table: Table) -> None:
    random = Random(size)
    with closing(ConnectionPool(url, DatabaseRole.READER, size_max=1)) as pool:
        evidence = Evidence(PostgresSealedLog(QueryConnections(pool).connection))
        took = []
        for _ in range(RECEIPTS):
            before = time.perf_counter()
            evidence.receipt(random.randrange(1, size + 1)).encode()
            took.append(time.perf_counter() - before)
    table.row(f"receipt of any of {size:,} events, p50 / p99", milliseconds(took))


async def measure_seal_lag(running: Installation, flows_per_second: float, table: Table) -> None:
    """Seconds from a commit to the checkpoint that covers it, under load.

    Args:
        running: the installation.
        flows_per_second: the load.
        table: receives the results.
    """
    clients = Clients(running.base_url, running.keys, CONNECTIONS)
    await clients.open_wallets()
    with tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name:
        settings = Settings(database_url=running.database_url, seal_home=name)
        url = prepare(settings, running.database_url).url
        variables = {"QRLEDGER_SEAL_HOME": name, "QRLEDGER_SEAL_DATABASE_URL": url}
        with started([*PROGRAM, "seal"], environment_of(ROOT, variables)) as sealer:
            start = await _caught_up(running.database_url)
            await clients.run(STEADY_SECONDS, per_second=flows_per_second)
            end = await _caught_up(running.database_url)  # the turns stop the sealer
            ratios = [await _turn(clients, sealer.pid) for _ in range(TURNS)]
            sealer.send_signal(signal.SIGCONT)
    clients.close()
    with psycopg.connect(running.database_url) as connection:
        lags = [seconds for (seconds,) in connection.execute(LAGS, (start, end)).fetchall()]
    middle, high = percentile(lags, 0.5), percentile(lags, 0.99)
    table.row(
        f"commit to checkpoint beside {flows_per_second:,.0f} flows/s, p50 / p99 (p99 at most 3 s)",
        f"{middle:.2f} / {high:.2f} s",
    )  # fmt: skip
    table.row(
        f"flows/s with a sealer, as a share of without (at least {COST_GOAL})", spread(ratios)
    )


async def _turn(clients: Clients, sealer: int) -> float:
    """Flows with the sealer divided by those without it; it also seals what it has missed."""
    rates = []
    for number in (signal.SIGCONT, signal.SIGSTOP):
        os.kill(sealer, number)
        flows = await clients.run(TURN_SECONDS)
        rates.append(flows.completed / flows.seconds)
    return rates[0] / rates[1]


async def _caught_up(url: str) -> int:
    """Wait until everything is sealed; returns the position."""
    query = (
        "select coalesce((select size from seal.checkpoints order by number desc limit 1), 0),"
        " (select pos from ledger.head)"
    )
    until = time.monotonic() + CATCH_UP_SECONDS_MAX
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < until:
            [(sealed, head)] = connection.execute(query).fetchall()
            if sealed >= head:
                return int(head)
            await asyncio.sleep(0.1)
    msg = f"the log is not sealed after {CATCH_UP_SECONDS_MAX} s"
    raise RuntimeError(msg)
