"""Webhooks by a real worker: deliveries per second, the first attempt, and what waits in memory.

`BENCH_DELIVERIES=2000 python -m benchmarks.webhooks` runs this part alone.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from application.bus import Bus
from application.command import Command, Envelope
from application.commands.add_webhook_endpoint import AddWebhookEndpoint
from application.commands.create_session import CreateSession
from application.event_log import EventLog
from benchmarks.installation import database_server, fresh_database
from benchmarks.limits import DELIVERIES
from benchmarks.processes import PROGRAM, ROOT, environment_of, started, stop_on_signals
from benchmarks.table import Table, milliseconds
from benchmarks.webhook_receivers import closed_url, quick, silent
from domain import ids
from domain.merchants.webhook_endpoint import ENDPOINTS_MAX
from domain.money.money import Money
from infrastructure.accounts import AccountAdmin
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.postgres.embedded import EmbeddedServer

MERCHANTS: Final = 100
"""Each with one endpoint."""
BATCH: Final = 256
THROUGHPUT: Final = min(DELIVERIES, 5000)
TIMED: Final = min(max(DELIVERIES // 50, 2 * MERCHANTS), 2000)
"""Events whose way to the receiver is timed."""
PACE_SECONDS: Final = 0.01
WAIT_SECONDS_MAX: Final = 1200
LOOK_SECONDS: Final = 0.25
TYPE: Final = "payment_session.created"


def measure_webhooks(server: EmbeddedServer, folder: Path, table: Table) -> None:
    """Measure on databases of their own, with a worker each.

    Args:
        server: where the databases are created.
        folder: for the files of the workers.
        table: receives the results.
    """
    _measure_rate(fresh_database(server, "hooks_rate", home=folder), folder, table)
    for name, dead in (("hooks_first", False), ("hooks_dead", True)):
        url = fresh_database(server, name, home=folder)
        _measure_first_attempt(url, folder, table, dead=dead)
    _measure_memory(fresh_database(server, "hooks_memory", home=folder), folder, table)


class Shops:
    """Merchants with endpoints, whose sessions are created in this process."""

    def __init__(self, url: str) -> None:
        self.log: EventLog = make_log(url, DatabaseRole.WRITER, size_max=1)
        self._bus = Bus(self.log)
        self._admin = AccountAdmin(self.log, self._bus, "bench")

    def open(self, endpoints: Sequence[str]) -> UUID:
        """A merchant with endpoints at some URLs; its id."""
        merchant = ids.decode("mer", self._admin.register_merchant("Cafe", ()))
        for url in endpoints:
            self._bus.send(
                _envelope(
                    AddWebhookEndpoint(
                        merchant_id=merchant,
                        endpoint_id=ids.encode("whe", uuid7()),
                        url=url,
                        types=(TYPE,),
                        loopback=True,
                    )
                )
            )
        return merchant

    def create(self, merchants: Sequence[UUID]) -> None:
        """One session for each, in batches."""
        for start in range(0, len(merchants), BATCH):
            batch = [_envelope(_create(one)) for one in merchants[start : start + BATCH]]
            for result in self._bus.send_all(batch):
                if isinstance(result, Exception):
                    raise result

    def create_one(self, merchant: UUID) -> tuple[str, float]:
        """One session; the `webhook-id` of its event, and when it was committed."""
        session = self._bus.send(_envelope(_create(merchant))).subject
        at = time.perf_counter()
        [recorded] = self.log.stream(session.id)
        return ids.encode("evt", recorded.event_id), at


def _measure_rate(url: str, folder: Path, table: Table) -> None:
    shops = Shops(url)
    with quick() as arrivals:
        merchants = [shops.open([arrivals.url]) for _ in range(MERCHANTS)]
        with _working(url, folder):
            shops.create(merchants)
            arrivals.wait_for(MERCHANTS, WAIT_SECONDS_MAX)  # endpoints are known to be quick
        shops.create([merchants[number % MERCHANTS] for number in range(THROUGHPUT)])
        with _working(url, folder):
            arrivals.wait_for(MERCHANTS + THROUGHPUT, WAIT_SECONDS_MAX)
        times = sorted(arrivals.at.values())[MERCHANTS:]
    rate = (len(times) - 1) / (times[-1] - times[0])
    name = f"webhook deliveries/s, {THROUGHPUT:,} to {MERCHANTS} endpoints of this machine"
    table.row(name, f"{rate:,.0f}")


def _measure_first_attempt(url: str, folder: Path, table: Table, *, dead: bool) -> None:
    shops = Shops(url)
    with quick() as arrivals, silent() as unanswered, _working(url, folder):
        alive = [shops.open([arrivals.url]) for _ in range(MERCHANTS - 1)]
        last = shops.open([unanswered if dead else arrivals.url])
        shops.create([*alive, last])
        arrivals.wait_for(MERCHANTS - dead, WAIT_SECONDS_MAX)
        committed: dict[str, float] = {}
        for number in range(TIMED):
            merchant = [*alive, last][number % MERCHANTS]
            event, at = shops.create_one(merchant)
            if merchant is not last or not dead:
                committed[event] = at
            time.sleep(PACE_SECONDS)
        arrivals.wait_for(len(committed) + MERCHANTS - dead, WAIT_SECONDS_MAX)
        took = [max(0.0, arrivals.at[event] - at) for event, at in committed.items()]
    what = "one of them dead" if dead else "all alive"
    name = f"commit to first attempt, {MERCHANTS} endpoints, {what}, p50 / p99"
    table.row(name, milliseconds(took))


def _measure_memory(url: str, folder: Path, table: Table) -> None:
    shops, sessions = Shops(url), max(1, DELIVERIES // ENDPOINTS_MAX)
    merchant = shops.open([closed_url()] * ENDPOINTS_MAX)
    with _working(url, folder) as worker:
        before = _memory_mib(worker.pid)
        shops.create([merchant] * sessions)
        pending = sessions * ENDPOINTS_MAX
        _wait_for_pending(url, pending)
        after = _memory_mib(worker.pid)
    name = f"memory of `work` with {pending:,} pending deliveries / without"
    table.row(name, f"{after:.0f} / {before:.0f} MiB")


def _wait_for_pending(url: str, count: int) -> None:
    until = time.monotonic() + WAIT_SECONDS_MAX
    query = "select count(*) from ledger.webhook_deliveries where status = 'pending'"
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            row = connection.execute(query).fetchone()
            if row is not None and row[0] >= count:
                return
            if time.monotonic() > until:
                msg = f"{row} of {count} deliveries are pending after {WAIT_SECONDS_MAX} s"
                raise RuntimeError(msg)
            time.sleep(LOOK_SECONDS)


@contextmanager
def _working(url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings = {"DATABASE_URL": url, "HOME": str(folder), "WEBHOOK_LOOPBACK": "true"}
    environment = environment_of(ROOT, {f"QRLEDGER_{k}": v for k, v in settings.items()})
    log = folder / "webhooks-work.log"
    with started([*PROGRAM, "work"], environment, log=log) as process:
        if process.stdout is None or not process.stdout.readline():
            msg = f"work did not start: {log.read_text()}"
            raise RuntimeError(msg)
        yield process


def _memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _create(merchant: UUID) -> CreateSession:
    session_id = uuid7()
    return CreateSession(
        session_id=session_id,
        merchant_id=merchant,
        order_id=str(session_id),
        amount=Money(1200, "USD"),
        expires_in_seconds=86_400,
    )


def _envelope(command: Command) -> Envelope:
    return Envelope(command=command, command_id=uuid7(), actor="bench")


def main() -> None:
    """Run this part alone and print its rows."""
    stop_on_signals()
    with tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name:
        folder = Path(name)
        with database_server(folder / "store") as server:
            measure_webhooks(server, folder, Table())


if __name__ == "__main__":
    main()
