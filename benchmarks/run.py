"""`make bench`: throughput and latency relative to the best the same machine can do.

Machines are shared and noisy. The two sides of a comparison take alternating turns of one second,
and the result is the median of the turns' ratios. BENCH_TURNS (11), BENCH_SOCKETS (5000) and
BENCH_EVENTS (1000000) shorten a run.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psycopg
import uvloop

from benchmarks.bus_load import bus
from benchmarks.installation import Installation, installation, noop
from benchmarks.load import flows, percentile, posts
from benchmarks.long_wallet import SHORT, LongWallet
from benchmarks.slow_disk import slow_disk
from benchmarks.sockets import screens
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres import binaries
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole, connect
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.migrate import migrate
from infrastructure.runtime import tune_garbage_collector
from projections._runner import Runner
from projections.sessions import Sessions

TURNS = int(os.environ.get("BENCH_TURNS", "11"))
SOCKETS = int(os.environ.get("BENCH_SOCKETS", "5000"))
EVENTS = int(os.environ.get("BENCH_EVENTS", "1000000"))
RUNS_PER_DAY_MAX = 20
LONG_TOP_UPS = 100_000
TURN_SECONDS = 1
STEADY_SECONDS = 8
"""Duration of the runs at half load and with all sockets open."""
CONNECTIONS = 64
PGBENCH = """
\\set a random(1, 1000000000)
insert into pgbench_rows (stream, version, topic, state) values
  (gen_random_uuid(), :a, 'payment_session.created', repeat('x', 190)::bytea);
"""
FILL = """
insert into ledger.events
select h.pos + n, gen_random_uuid(), 1, 'payment_session.created', repeat('x', 300)::bytea,
       statement_timestamp(), gen_random_uuid(), gen_random_uuid(), 'bench', 'bench', 1
  from ledger.head h, generate_series(1, %(count)s) n;
insert into ledger.commands
select command_id, '', notification_id, notification_id, recorded_at, originator_id, 1, null
  from ledger.events where actor = 'bench';
update ledger.head set pos = pos + %(count)s, recorded_at =
  (select recorded_at from ledger.events order by notification_id desc limit 1);
"""
_lines: list[str] = []


def report(name: str, figure: str) -> None:
    """Print one line of the table and keep it."""
    _lines.append(f"| {name} | {figure} |")
    print(f"{name:<72} {figure}", flush=True)


def pgbench(url: str, folder: Path, seconds: int) -> float:
    """Transactions per second that insert one row each, with 16 clients."""
    tools = binaries.find()
    program = tools.folder / "pgbench" if tools else Path("pgbench")
    script = folder / "insert.sql"
    script.write_text(PGBENCH)
    with connect(url, None) as connection:
        connection.execute(
            "create table if not exists pgbench_rows (id bigserial primary key, stream uuid, "
            "version bigint, topic text, state bytea, unique (stream, version))"
        )
    completed = subprocess.run(
        [program, "-n", "-c16", "-j2", f"-T{seconds}", "-f", script, url],
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in completed.stdout.splitlines() if line.startswith("tps"))
    return float(line.split("=")[1].split()[0])


def rebuild(url: str) -> float:
    """Events per second while the read model `sessions` is rebuilt."""
    log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=1))
    pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=1)
    runner = Runner(Sessions, pool.connection)
    started = time.perf_counter()
    events = runner.rebuild(partial(log.page, topics=runner.topics))
    took = time.perf_counter() - started
    pool.close()
    log.close()
    return events / took


def spread(values: list[float]) -> str:
    """Median, lowest and highest turn."""
    return f"**{median(values):.2f}** ({min(values):.2f} to {max(values):.2f})"


def measure_bus(url: str, folder: Path, conditions: str) -> None:
    """Durable bus commands compared with one-row inserts, in alternating turns."""
    pairs = [(bus(url, TURN_SECONDS), pgbench(url, folder, TURN_SECONDS)) for _ in range(TURNS)]
    report(f"bus commands/s, 64 in flight{conditions}", f"{median(ours for ours, _ in pairs):,.0f}")
    report(
        f"pgbench one-row inserts/s, 16 clients{conditions}",
        f"{median(inserts for _, inserts in pairs):,.0f}",
    )
    report(
        f"bus / pgbench{conditions} (at least 0.7)",
        spread([ours / inserts for ours, inserts in pairs]),
    )


def measure_log_size(server: EmbeddedServer) -> None:
    """Cost per command with 1,000,000 stored events compared with 10,000."""
    urls = [_fresh(server.start(), f"size_{n}") for n in range(2)]
    for url, count in zip(urls, (10_000, EVENTS), strict=True):
        with psycopg.connect(url, autocommit=True) as owner:
            for statement in FILL.split(";\n"):
                if statement.strip():
                    owner.execute(statement, {"count": count})
            owner.execute("vacuum analyze ledger.events, ledger.commands")
    turns = [[bus(url, TURN_SECONDS) for url in urls] for _ in range(TURNS)]
    costs = [small / large for small, large in turns]
    report(f"cost per command, {EVENTS:,} stored events / 10,000 (at most 1.2)", spread(costs))


def measure_long_wallet(url: str) -> None:
    """Cost per command on a wallet with 100,000 top-ups compared with a new one."""
    short, long = (LongWallet(url, count) for count in (SHORT, min(LONG_TOP_UPS, EVENTS)))
    turns = [(short.rate(TURN_SECONDS), long.rate(TURN_SECONDS)) for _ in range(TURNS)]
    events = f"{min(LONG_TOP_UPS, EVENTS):,}"
    report(f"cost per command, wallet with {events} top-ups / new wallet (at most 1.2)",
         spread([new / grown for new, grown in turns]))  # fmt: skip


def _fresh(url: str, name: str) -> str:
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"create database {name}")
    database = urlsplit(url)._replace(path=f"/{name}").geturl()
    migrate(database, mode="test", token_secret=secrets.token_bytes(32))
    return database


async def measure_api(running: Installation, noop_url: str) -> None:
    """Payment flows compared with a no-op server, and one hot wallet with many."""
    url, keys = running.base_url, running.keys
    rates, ratios, hot = [], [], []
    seconds = TURN_SECONDS
    await flows(url, keys, connections=CONNECTIONS, seconds=1)
    for _ in range(TURNS):
        noop_rate = await posts(noop_url, connections=CONNECTIONS, seconds=seconds) / seconds
        done, _ = await flows(url, keys, connections=CONNECTIONS, seconds=seconds)
        done_hot, _ = await flows(
            url, keys, connections=CONNECTIONS, seconds=seconds, one_wallet=True
        )
        rates.append(done / seconds)
        ratios.append(3 * done / seconds / noop_rate)
        hot.append(done_hot / done)
    report(f"HTTP flows/s (create, scan, pay), {CONNECTIONS} connections", f"{median(rates):,.0f}")
    report("HTTP commands/s / no-op Litestar POST/s (at least 0.25)", spread(ratios))
    report("one hot wallet / many wallets, 0% refused (at least 0.7)", spread(hot))
    half = median(rates) / 2
    _, took = await flows(
        url, keys, connections=CONNECTIONS, seconds=STEADY_SECONDS, per_second=half
    )
    for step in ("create", "scan", "pay"):
        low, high = (1000 * percentile(took[step], share) for share in (0.5, 0.99))
        report(f"{step} at half that load, p50, p99", f"{low:.1f} / {high:.1f} ms")


def measure_screens(running: Installation) -> None:
    """Latency from commit to thousands of checkout screens."""
    figures = asyncio.run(screens(running, sockets=SOCKETS, seconds=STEADY_SECONDS))
    took = figures["latencies"]
    low, high = percentile(took, 0.5), percentile(took, 0.99)
    report(f"commit to socket, {SOCKETS:,} sockets, 100 payments/s, p50, p99",
         f"{low:.1f} / {high:.1f} ms")  # fmt: skip
    report("live messages received of those expected", f"{len(took)} of {figures['expected']}")
    report("memory per socket", f"{figures['kib_per_socket']:.0f} KiB")


def _free_path(today: str) -> Path:
    """`2026-11-21.md`; later runs of a day are numbered, so that none replaces another."""
    folder = Path(__file__).parent
    names = (today, *(f"{today}-{number}" for number in range(2, RUNS_PER_DAY_MAX + 1)))
    paths = [folder / f"{name}.md" for name in names]
    return next((path for path in paths if not path.exists()), paths[-1])


def main() -> None:
    """Run all benchmarks, print the table, and save it under today's date."""
    tune_garbage_collector()
    with tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name:
        folder = Path(name)
        server = EmbeddedServer(folder / "store")
        url = server.start()
        migrate(url, mode="test", token_secret=secrets.token_bytes(32))
        version = binaries.find()
        measure_bus(url, folder, "")
        report("rebuild of `sessions`, events/s", f"{rebuild(url):,.0f}")
        measure_log_size(server)
        measure_long_wallet(_fresh(url, "long_wallet"))
        with noop() as noop_url, installation(_fresh(url, "api"), folder) as running:
            for process, seconds in running.started_seconds.items():
                memory = running.memory_mib(process)
                report(
                    f"`{process}`: time to start, memory after it",
                    f"{seconds:.2f} s, {memory:.0f} MiB",
                )
            uvloop.run(measure_api(running, noop_url))
            measure_screens(running)
        server.stop()
        with slow_disk(folder) as slow:
            if slow:
                slower = EmbeddedServer(folder / "slow")
                url = slower.start()
                migrate(url, mode="test", token_secret=secrets.token_bytes(32))
                measure_bus(url, folder, ", 1 ms added to each fdatasync")
                slower.stop()
    today = datetime.now(UTC).date().isoformat()
    head = (
        f"# {today}\n\n`make bench`, {os.cpu_count()} cores shared by client, server and "
        f"PostgreSQL {version.major if version else '?'}, Python {sys.version.split()[0]}, "
        f"{TURNS} turns of {TURN_SECONDS} s. Only the ratios are comparable between runs: median "
        "(lowest to highest turn).\n\n"
        "| Measurement | Result |\n| --- | --- |\n"
    )
    if not any(name.startswith("BENCH_") for name in os.environ):
        _free_path(today).write_text(head + "\n".join(_lines) + "\n")


if __name__ == "__main__":
    main()
