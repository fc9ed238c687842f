"""Durable commands per second through the bus, compared with bare inserts of one row."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.bus_process import bus_process
from benchmarks.cpu import Meter, Turn, costs
from benchmarks.installation import fresh_database, process_id
from benchmarks.limits import TURN_SECONDS, TURNS
from benchmarks.table import Table, spread
from infrastructure.postgres import binaries
from infrastructure.postgres.connections import connect
from infrastructure.postgres.embedded import EmbeddedServer

PGBENCH: Final = """
\\set a random(1, 1000000000)
insert into pgbench_rows (stream, version, topic, state) values
  (gen_random_uuid(), :a, 'payment_session.created', repeat('x', 190)::bytea);
"""


def measure_bus(server: EmbeddedServer, folder: Path, table: Table, conditions: str = "") -> str:
    """Alternating turns of the bus and of pgbench; returns the URL of the database."""
    url, postmaster = fresh_database(server, "bus"), process_id(server)
    with bus_process(url, postmaster) as bus:
        pairs = [(bus.turn(TURN_SECONDS), _pgbench(url, postmaster, folder)) for _ in range(TURNS)]
    ours, inserts = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    rates = [median(turn.rate for turn in turns) for turns in (ours, inserts)]
    table.row(f"bus commands/s, 64 in flight{conditions}", f"{rates[0]:,.0f}", costs(ours))
    table.row(
        f"pgbench one-row inserts/s, 16 clients{conditions}", f"{rates[1]:,.0f}", costs(inserts)
    )
    table.row(
        f"bus / pgbench{conditions} (at least 0.9)",
        spread([bus.rate / insert.rate for bus, insert in pairs]),
        f"ratio {spread([bus.total_cost / insert.total_cost for bus, insert in pairs])}",
    )
    return url


def _pgbench(url: str, postmaster: int, folder: Path) -> Turn:
    """Transactions that insert one row each, with 16 clients."""
    tools = binaries.find()
    program = tools.folder / "pgbench" if tools else Path("pgbench")
    script = folder / "insert.sql"
    script.write_text(PGBENCH)
    with connect(url, None) as connection:
        connection.execute(
            "create table if not exists pgbench_rows (id bigserial primary key, stream uuid, "
            "version bigint, topic text, state bytea, unique (stream, version))"
        )
    meter, before = Meter({}, postmaster), os.times()
    completed = subprocess.run(
        [program, "-n", "-c16", "-j2", f"-T{TURN_SECONDS}", "-f", script, url],
        capture_output=True,
        text=True,
        check=True,
    )
    after, used = os.times(), meter.seconds()
    client = sum(after[2:4]) - sum(before[2:4])  # of the children that have ended
    lines = dict(line.partition("=")[::2] for line in completed.stdout.splitlines())
    lines |= dict(line.partition(":")[::2] for line in completed.stdout.splitlines())
    commands = int(lines["number of transactions actually processed"])
    rate = float(lines["tps "].split()[0])
    return Turn(commands, commands / rate, {"pgbench": client, **used})
