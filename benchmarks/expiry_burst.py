"""Many sessions that expire within the same second while others pay."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.limits import BURST, STEADY_SECONDS
from benchmarks.load import percentile
from benchmarks.table import Table
from tests.abuse.expiry_burst import create_burst, expire_burst
from tests.abuse.honest import during_attack
from tests.chaos.installation import ChaosInstallation, wait_ready


def measure_expiry_burst(home: Path, table: Table) -> None:
    """Seconds until every expiry is recorded, and what it does to payers.

    Uses the installation of `make abuse`: two APIs, two workers and a notifier, without its proxy.
    """
    installation = ChaosInstallation(home, proxied=False)
    try:
        wait_ready(installation.apis[0])
        merchant_key, _ = installation.register_tenant()
        left = create_burst(installation, merchant_key, BURST)
        quiet, _ = asyncio.run(during_attack(installation, _nothing, STEADY_SECONDS, books=False))
        took, seconds = asyncio.run(expire_burst(installation, int(left) + 1, BURST))
    finally:
        installation.close()
    table.row(
        f"{BURST:,} expiries due in one second, seconds until recorded (at most 60, goal 30)",
        f"{seconds:.1f}",
    )
    before, beside = percentile(quiet, 0.99), percentile(took, 0.99)
    table.row(
        "p99 of payers beside these expiries / without them (at most 2)",
        f"**{beside / before:.2f}** ({beside:.1f} / {before:.1f} ms)",
    )


async def _nothing(stop: asyncio.Event, _counts: object) -> None:
    await stop.wait()
