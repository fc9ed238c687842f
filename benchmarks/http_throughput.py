"""Payment flows through the API, compared with a no-op server and with one hot wallet."""

from __future__ import annotations

import asyncio
import os
from statistics import median

from benchmarks.cpu import Meter, Turn, costs
from benchmarks.flows import STEPS, Clients, Flows
from benchmarks.installation import Installation
from benchmarks.limits import CONNECTIONS, SETTLE_SECONDS, STEADY_SECONDS, TURN_SECONDS, TURNS
from benchmarks.load import posts
from benchmarks.table import Table, milliseconds, spread


async def measure_http(running: Installation, noop: tuple[str, int], table: Table) -> float:
    """Alternating turns of the API and the no-op server; returns flows per second.

    Args:
        running: the installation.
        noop: URL and process id of the no-op server.
        table: receives the results.
    """
    clients = Clients(running.base_url, running.keys, CONNECTIONS)
    await clients.open_wallets()
    await clients.run(TURN_SECONDS)
    noops, many, hot = [], [], []
    for _ in range(TURNS):
        noops.append(await _noop_turn(*noop))
        many.append((await turn(running, clients, TURN_SECONDS))[0])
        hot.append((await turn(running, clients, TURN_SECONDS, one_wallet=True))[0])
    rate = median(each.rate for each in many) / len(STEPS)
    table.row(f"HTTP flows/s (create, scan, pay), {CONNECTIONS} connections", f"{rate:,.0f}")
    table.row(
        "HTTP commands/s / no-op Litestar POST/s (at least 0.38, goal 0.5)",
        spread([ours.rate / nothing.rate for ours, nothing in zip(many, noops, strict=True)]),
        f"{costs(many)} / {costs(noops)}",
    )
    table.row(
        "one hot wallet / many wallets, 0% refused (at least 0.7)",
        spread([one.rate / each.rate for one, each in zip(hot, many, strict=True)]),
        costs(hot),
    )
    used, flows = await turn(running, clients, STEADY_SECONDS, per_second=rate / 2)
    for step in STEPS:
        table.row(
            f"{step} at half that load, p50 / p99", milliseconds(flows.took[step]),
            costs([used]) if step == STEPS[-1] else "",
        )  # fmt: skip
    clients.close()
    return rate


async def turn(
    running: Installation,
    clients: Clients,
    seconds: float,
    *,
    per_second: float = 0,
    one_wallet: bool = False,
) -> tuple[Turn, Flows]:
    """Run flows; the processor time includes that of the read models that catch up."""
    meter = running.meter(os.getpid())
    flows = await clients.run(seconds, per_second=per_second, one_wallet=one_wallet)
    await asyncio.sleep(SETTLE_SECONDS)
    return Turn(flows.commands, flows.seconds, meter.seconds()), flows


async def _noop_turn(url: str, pid: int) -> Turn:
    meter = Meter({"client": os.getpid(), "no-op": pid})
    responses, took = await posts(url, connections=CONNECTIONS, seconds=TURN_SECONDS)
    return Turn(responses, took, meter.seconds())
