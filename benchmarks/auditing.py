"""Exporting and verifying a history: events a second, and the memory that it takes.

`python -m benchmarks.auditing 1000000` measures another size than `make bench`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psycopg

from application.event_log import Recorded
from benchmarks.installation import database_server, fresh_database
from benchmarks.limits import EVENTS
from benchmarks.table import Table
from domain import ids
from infrastructure.bundles.export import export
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.embedded import EmbeddedServer
from tests.support.bundles import KEY, MemorySource
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import MemoryLog

EVENTS_MAX: Final = 200_000
"""Of a run of `make bench`; the log is made in memory, by commands."""
WALLETS: Final = 500
BATCH: Final = 64
HASHES, ALL = 250_000, 50_000
"""Events a second that are aimed at, with two processors free."""
_VERIFY: Final = """
import json, resource, sys
from pathlib import Path
from domain.audit.policy import of_keys
from domain.audit.vkey import parse
from infrastructure.bundles.verify import verify
from infrastructure.runtime import tune_garbage_collector
tune_garbage_collector()
report = verify(Path(sys.argv[1]), of_keys(parse(sys.argv[2])), hashes_only=sys.argv[3] == "hashes")
assert report.findings_count == (sys.argv[3] == "hashes"), report.findings
status = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
own, other = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps([report.seconds, own.ru_utime + own.ru_stime, other.ru_utime + other.ru_stime,
                  peak / 1024, other.ru_maxrss / 1024]))
"""
_COPY: Final = "copy ledger.events from stdin with (format binary)"
_TYPES: Final = (
    "int8", "uuid", "int8", "text", "bytea", "timestamptz", "uuid", "uuid", "text", "text", "int2",
)  # fmt: skip


class _Stored(MemorySource):
    """The events from PostgreSQL; rows and receipts as computed."""

    def __init__(self, log: MemoryLog, stored: PostgresLog) -> None:
        super().__init__(log.events, log.receipts.values())
        self._stored = stored

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        return self._stored.read(after, limit)


def measure_auditing(server: EmbeddedServer, folder: Path, table: Table) -> None:
    """Export a ledger of paid sessions from PostgreSQL, and verify it in processes of their own."""
    _measure(server, folder, table, min(EVENTS, EVENTS_MAX))


def _measure(server: EmbeddedServer, folder: Path, table: Table, events: int) -> None:
    log = _paid(events)
    count = len(log.events)
    stored = PostgresLog(ConnectionPool(_copied(server, log), DatabaseRole.READER, size_max=1))
    source = _Stored(log, stored)
    note = source.head().note(KEY).encode()
    path = folder / "ledger.tar"
    before = time.perf_counter()
    export(source, note, path)
    table.row(
        f"export of {count:,} events, events/s", f"{count / (time.perf_counter() - before):,.0f}"
    )
    stored.close()
    del log, source
    for what, aim in (("hashes", HASHES), ("all", ALL)):
        seconds, own, other, own_mib, other_mib = _verified(path, what)
        table.row(
            f"verify {what} of {count:,} events, events/s (at least {aim:,})",
            f"{count / seconds:,.0f}",
            f"{own / count * 10**6:.1f} + {other / count * 10**6:.1f}; "
            f"{own_mib:.0f} + {other_mib:.0f} MiB at most",
        )


def _verified(path: Path, what: str) -> list[float]:
    """Seconds; processor seconds and the most memory of the process and of the one it starts."""
    command = [sys.executable, "-P", "-c", _VERIFY, str(path), str(KEY.verifier), what]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: list[float] = json.loads(output)
    return found


def _paid(events: int) -> MemoryLog:
    """A log of sessions that were created, claimed and paid: five events each."""
    log = MemoryLog()
    ledger = LedgerFixture(log)
    wallets = [ledger.open_wallet(10**9) for _ in range(WALLETS)]
    number = 0
    while len(log.events) < events:
        created = [ledger.create() for _ in range(BATCH)]
        payers = [wallets[(number + n) % WALLETS] for n in range(BATCH)]
        scans = [
            ledger.scan(one.session_id, payer) for one, payer in zip(created, payers, strict=True)
        ]
        pays = [
            ledger.pay(one.session_id, payer, ids.encode("clm", scan.claim_id))
            for one, payer, scan in zip(created, payers, scans, strict=True)
        ]
        for commands in (created, scans, pays):
            ledger.bus.send_all([envelope(one) for one in commands])
        log.advance(1)
        number += BATCH
    return log


def _copied(server: EmbeddedServer, log: MemoryLog) -> str:
    url = fresh_database(server, "auditing")
    with psycopg.connect(url) as owner:
        owner.execute("set session_replication_role = replica")
        owner.execute("delete from ledger.events")  # the log's name, which this one does not have
        with owner.cursor().copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for one in log.events:
                copy.write_row((
                    one.position, one.stream_id, one.version, one.topic, one.state,
                    one.recorded_at, one.event_id, one.command_id, one.actor, one.trace_id,
                    one.schema_version,
                ))  # fmt: skip
    return url


def main(events: int) -> None:
    """Measure one size, and print the rows."""
    table = Table()
    with (
        tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name,
        database_server(Path(name) / "store") as server,
    ):
        _measure(server, Path(name), table, events)


if __name__ == "__main__":
    main(int(sys.argv[1]))
