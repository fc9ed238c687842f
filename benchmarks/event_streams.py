"""The log streamed to a local client, and payers beside it.

    python -m benchmarks.event_streams

runs this part of `make bench` alone.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from benchmarks.cpu import Turn, costs, family_seconds, process_seconds
from benchmarks.flows import STEPS, Clients, Flows
from benchmarks.installation import Installation, database_server, installation
from benchmarks.limits import STEADY_SECONDS
from benchmarks.load import percentile
from benchmarks.processes import stop_on_signals
from benchmarks.table import Table, spread

PAYERS: Final = 16
PAYMENTS_PER_SECOND: Final = 40
ROUNDS: Final = 4
"""Quiet and busy turns alternate."""
FILL_SECONDS: Final = 15
"""Of payments as fast as they can be made, if the benchmark runs alone."""


async def measure_streams(running: Installation, table: Table) -> None:
    """Alternating turns: payers alone, and payers beside a reader of the whole log."""
    clients = Clients(running.base_url, running.keys, PAYERS)
    await clients.open_wallets()
    await clients.run(STEADY_SECONDS / 2, per_second=PAYMENTS_PER_SECOND)
    alone = [turn for _ in range(ROUNDS) for turn in await _read(running)]
    ratios, beside, quiet_all, busy_all = [], [], [], []
    for _ in range(ROUNDS):
        quiet = _latencies(await clients.run(STEADY_SECONDS, per_second=PAYMENTS_PER_SECOND))
        reading = asyncio.create_task(_read(running, STEADY_SECONDS))
        busy = _latencies(await clients.run(STEADY_SECONDS, per_second=PAYMENTS_PER_SECOND))
        beside += await reading
        ratios.append(percentile(busy, 0.99) / percentile(quiet, 0.99))
        quiet_all += quiet
        busy_all += busy
    before, after = (1000 * percentile(each, 0.99) for each in (quiet_all, busy_all))
    table.row("events streamed per second (at least 50,000)", _rates(alone), costs(alone))
    table.row("the same beside payers", _rates(beside))
    table.row("p99 of payers beside a stream / without it (at most 2)", spread(ratios))
    table.row("that p99 without / beside, ms", f"{before:.1f} / {after:.1f}")
    clients.close()


def _rates(turns: Sequence[Turn]) -> str:
    rates = [turn.rate for turn in turns]
    return f"**{median(rates):,.0f}** ({min(rates):,.0f} to {max(rates):,.0f})"


def _latencies(flows: Flows) -> list[float]:
    return [seconds for step in STEPS for seconds in flows.took[step]]


async def _read(running: Installation, seconds: float = 0) -> list[Turn]:
    """Read the log once, or again and again: turns of as many commands as there are events.

    One process reads all the time: starting one would stop the payers, who are in this process.
    """
    before = _processor_seconds(running)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.stream_reader",
        running.base_url,
        running.keys["auditor_key"],
        str(seconds),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    read = [tuple(map(float, line.split())) for line in out.splitlines()]
    every = sum(events for events, _, _ in read)
    used = {name: now - before[name] for name, now in _processor_seconds(running).items()}
    return [
        Turn(
            int(events),
            took,
            {**{name: one * events / every for name, one in used.items()}, "client": client},
        )
        for events, took, client in read
    ]


def _processor_seconds(running: Installation) -> dict[str, float]:
    """Of the API, of the processes that it starts for streams, and of PostgreSQL."""
    serve = running.pids["serve"]
    api = process_seconds(serve)
    return {
        "API": api,
        "stream": family_seconds(serve) - api,
        "PostgreSQL": family_seconds(running.postmaster),
    }


def main() -> None:
    """Run this benchmark alone."""
    stop_on_signals()
    with tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name:
        folder = Path(name)
        with (
            database_server(folder / "store") as server,
            installation(server, "api", folder) as running,
        ):
            uvloop.run(_alone(running))


async def _alone(running: Installation) -> None:
    clients = Clients(running.base_url, running.keys, PAYERS)
    await clients.open_wallets()
    await clients.run(FILL_SECONDS)
    clients.close()
    await measure_streams(running, Table())


if __name__ == "__main__":
    main()
