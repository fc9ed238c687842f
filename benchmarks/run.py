"""`make bench`: how fast, against what the same machine does at best, in one run.

1. Durable bus commands/s (life mix create, scan, pay; 64 in flight) over pgbench one-row insert
   transactions/s at 16 clients on the same server.
2. HTTP commands/s with everything running (the demo), over a no-op Litestar POST.
3. p50 and p99 of each step at 32 connections and at 4.
4. Events replayed per second by a rebuild.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bus_load import bus
from benchmarks.load import flows, percentile, posts
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres import binaries
from infrastructure.postgres.connections import Connections, Right, connect
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.migrate import migrate
from projections._runner import Runner
from projections.sessions import Sessions

SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
ROUNDS = 3
PORTS = ("18580", "18581", "18582")
PGBENCH = """
\\set a random(1, 1000000000)
insert into pgbench_rows (stream, version, topic, state) values
  (gen_random_uuid(), :a, 'payment_session.created', repeat('x', 190)::bytea);
"""


def pgbench(url: str, folder: Path) -> float:
    """One-row insert transactions per second at 16 clients."""
    tools = binaries.find()
    program = tools.folder / "pgbench" if tools else Path("pgbench")
    script = folder / "insert.sql"
    script.write_text(PGBENCH)
    with connect(url, None) as connection:
        connection.execute(
            "create table if not exists pgbench_rows (id bigserial primary key, stream uuid, "
            "version bigint, topic text, state bytea, unique (stream, version))"
        )
    done = subprocess.run(
        [program, "-n", "-c16", "-j2", f"-T{max(1, int(SECONDS))}", "-f", script, url],
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    return float(line.split("=")[1].split()[0])


@contextmanager
def demo(home: Path) -> Iterator[dict[str, str]]:
    """The demo as a process of its own, without a rate limit."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")},
        "QRLEDGER_HOME": str(home),
        "QRLEDGER_RATE_LIMIT": "0",
        "QRLEDGER_PORT": PORTS[0],
        "QRLEDGER_LIVE_PORT": PORTS[1],
    }
    command = [sys.executable, "-c", "from infrastructure.cli import main; main()", "demo"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        while not (home / "demo.json").exists():
            time.sleep(0.05)
        yield json.loads((home / "demo.json").read_text())
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def noop() -> Iterator[str]:
    """The do-nothing server as a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.noop", PORTS[2]])
    time.sleep(2)
    try:
        yield f"http://127.0.0.1:{PORTS[2]}"
    finally:
        process.terminate()
        process.wait(30)


def rebuild(url: str) -> float:
    """Events per second replayed into a fresh `sessions`."""
    log = PostgresLog(Connections(url, Right.PROJECTOR, size_max=1))
    with connect(url, Right.PROJECTOR) as connection:
        started = time.perf_counter()
        events = Runner(Sessions, connection).rebuild(log.read)
        took = time.perf_counter() - started
    log.close()
    return events / took


def main() -> None:
    """Measure, print a table, and keep it."""
    lines = []

    def tell(name: str, figure: str) -> None:
        lines.append(f"| {name} | {figure} |")
        print(f"{name:<66} {figure}", flush=True)

    with tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name:
        folder = Path(name)
        server = EmbeddedServer(folder / "store")
        url = server.start()
        migrate(url, mode="test", token_secret=secrets.token_bytes(32))
        pairs = [(bus(url, SECONDS), pgbench(url, folder)) for _ in range(ROUNDS)]
        fast, base = max(pairs, key=lambda pair: pair[0] / pair[1])
        ratios = sorted(one / other for one, other in pairs)
        tell("bus commands/s, 64 in flight (best round)", f"{fast:,.0f}")
        tell("pgbench one-row inserts/s, 16 clients (same round)", f"{base:,.0f}")
        tell(f"ratio, {ROUNDS} rounds, lowest to highest", " ".join(f"{r:.2f}" for r in ratios))
        tell("rebuild of `sessions`, events/s", f"{rebuild(url):,.0f}")
        version = binaries.find()
        server.stop()

        with noop() as plain, demo(folder / "demo") as facts:
            base_url = facts["base_url"]
            nothing = asyncio.run(posts(plain, connections=32, seconds=SECONDS)) / SECONDS
            done, took = asyncio.run(flows(base_url, facts, connections=32, seconds=SECONDS))
            rate = done / SECONDS
            tell("HTTP flows/s (create, scan, pay), 32 connections", f"{rate:,.0f}")
            tell("HTTP commands/s over no-op Litestar POST/s", f"{3 * rate / nothing:.2f}")
            _, calm = asyncio.run(flows(base_url, facts, connections=4, seconds=SECONDS))
            for title, figures in (("32 connections", took), ("4 connections", calm)):
                for step, values in figures.items():
                    low, high = (1000 * percentile(values, p) for p in (0.5, 0.99))
                    tell(f"{step}, {title}, p50 / p99", f"{low:.1f} / {high:.1f} ms")

    today = datetime.now(UTC).date().isoformat()
    head = (
        f"# {today}\n\n`make bench`, {os.cpu_count()} cores shared by client, server and "
        f"PostgreSQL {version.major if version else '?'}, {SECONDS:.0f} s per figure. "
        "Trust the ratios only.\n\n| what | figure |\n| --- | --- |\n"
    )
    path = Path(__file__).parent / f"{today}.md"
    path.write_text(head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
