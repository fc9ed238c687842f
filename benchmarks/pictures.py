"""Payers beside ten thousand requests for pictures, each of another code.

    python -m benchmarks.pictures

runs this part of `make bench` alone.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop

from benchmarks.flows import AMOUNT, STEPS, Clients, Flows
from benchmarks.installation import Installation, database_server, installation
from benchmarks.limits import PICTURES, STEADY_SECONDS
from benchmarks.load import Connection, percentile
from benchmarks.processes import stop_on_signals
from benchmarks.table import Table

PAYERS: Final = 16
PAYMENTS_PER_SECOND: Final = 40
PICTURE_CLIENTS: Final = 32
"""Each asks for the next picture as soon as it has the last one."""
ROUNDS: Final = 4
"""Quiet and busy turns alternate."""
CREATORS: Final = 32
RETRY_SECONDS: Final = 1
"""What `Retry-After` says."""


async def measure_pictures(running: Installation, table: Table) -> None:
    """Alternating turns: payers alone, and payers beside requests for pictures."""
    clients = Clients(running.base_url, running.keys, PAYERS)
    await clients.open_wallets()
    paths = iter(await _create_sessions(running, PICTURES))
    await clients.run(STEADY_SECONDS / 2, per_second=PAYMENTS_PER_SECOND)
    statuses: Counter[int] = Counter()
    ratios, rates, quiet_all, busy_all = [], [], [], []
    for _ in range(ROUNDS):
        quiet = await clients.run(STEADY_SECONDS, per_second=PAYMENTS_PER_SECOND)
        asked = list(itertools.islice(paths, PICTURES // ROUNDS))
        load = asyncio.create_task(_ask(running.base_url, asked, statuses))
        busy = Flows()
        while not load.done():
            part = await clients.run(1, per_second=PAYMENTS_PER_SECOND)
            for step in STEPS:
                busy.took[step] += part.took[step]
        rates.append(len(asked) / await load)
        ratios.append(percentile(_all(busy), 0.99) / percentile(_all(quiet), 0.99))
        quiet_all += _all(quiet)
        busy_all += _all(busy)
    before, beside = (1000 * percentile(each, 0.99) for each in (quiet_all, busy_all))
    table.row(
        f"p99 of payers beside {PICTURES:,} pictures / without them (at most 2)",
        f"**{median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})",
    )
    table.row("that p99 without / beside, ms", f"{before:.1f} / {beside:.1f}")
    table.row(
        "pictures drawn per second beside payers; requests refused with 503",
        f"{median(rates):,.0f}; {statuses[503]:,}",
    )
    clients.close()


def _all(flows: Flows) -> list[float]:
    return [seconds for step in STEPS for seconds in flows.took[step]]


async def _create_sessions(running: Installation, count: int) -> list[str]:
    """Create sessions; returns the addresses of their pictures, half SVG and half PNG."""
    paths: list[str] = []
    kinds = itertools.cycle(("svg", "png"))

    async def creator(number: int) -> None:
        connection = Connection(running.base_url)
        for order in range(number, count, CREATORS):
            body: dict[str, Any] = {"order_id": f"P-{order}", "amount": AMOUNT}
            session = await connection.post(
                "/v1/payment-sessions", body, running.keys["merchant_key"]
            )
            paths.append(f"/v1/payment-sessions/{session['id']}/qr.{next(kinds)}")
        connection.close()

    await asyncio.gather(*map(creator, range(CREATORS)))
    return paths


async def _ask(url: str, paths: list[str], statuses: Counter[int]) -> float:
    """Ask for every picture until it is there; returns the seconds it took."""
    waiting, started = iter(paths), time.perf_counter()

    async def client() -> None:
        connection = Connection(url)
        for path in waiting:
            status = 0
            while status != 200:
                status = await connection.get(path)
                statuses[status] += 1
                if status == 503:
                    await asyncio.sleep(RETRY_SECONDS)
        connection.close()

    await asyncio.gather(*(client() for _ in range(PICTURE_CLIENTS)))
    return time.perf_counter() - started


def main() -> None:
    """Run this benchmark alone."""
    stop_on_signals()
    with tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name:
        folder = Path(name)
        with (
            database_server(folder / "store") as server,
            installation(server, "api", folder) as running,
        ):
            uvloop.run(measure_pictures(running, Table()))


if __name__ == "__main__":
    main()
