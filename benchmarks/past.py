"""Questions about the past (`?at=`): sessions, wallets and balances at any position of a large log.

`python -m benchmarks.past` measures this alone.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg

from application.bus import Bus
from application.event_log import Recorded
from application.positions import moment_of
from application.reader import Reader
from application.state_cache import StateCache
from benchmarks.installation import database_server, fresh_database
from benchmarks.limits import EVENTS
from benchmarks.log_size import FILL
from benchmarks.read_models import REBUILD_SECONDS_MAX
from benchmarks.table import Table, milliseconds
from domain import ids
from domain.accounting import chart
from domain.sessions.payment_session import PaymentSession
from domain.wallets.wallet import Wallet
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import PostgresSnapshots
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.embedded import EmbeddedServer
from projections._read_model import ReadModels
from projections._runner import Runner
from projections.journal import Journal
from tests.support.ledger_fixture import LedgerFixture, envelope

PAYMENTS: Final = EVENTS // 100
"""Sessions that were created, claimed and paid, five events each; the rest of the log is filler."""
WALLETS: Final = 4
"""Few, so that they have long histories: snapshots count."""
BATCH: Final = 64
QUESTIONS: Final = max(30, min(300, PAYMENTS // 30))
"""Of each kind."""
GOAL_MS: Final = 200
_EACH_LATER: Final = "statement_timestamp() + n * interval '1 microsecond'"


def measure_past(server: EmbeddedServer, table: Table) -> None:
    """Ask how sessions, wallets and balances stood at random times."""
    url = _filled(server)
    pool = ConnectionPool(url, DatabaseRole.READER, size_max=2)
    log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=1))
    snapshots = PostgresSnapshots(ConnectionPool(url, DatabaseRole.WRITER, size_max=1))
    questions = Questions(log, ReadModels(pool.connection)[Journal], snapshots)
    for name, ask in (
        ("a session", questions.session),
        ("a wallet", questions.wallet),
        ("a merchant's balance", questions.balance),
    ):
        took, used = zip(*(_seconds(ask) for _ in range(QUESTIONS)), strict=True)
        table.row(
            f"{name} at a past time, {questions.head:,} events (p99 at most {GOAL_MS} ms)",
            milliseconds(took),
            f"per answer: program {1e6 * sum(used) / QUESTIONS:,.0f}",
        )
    snapshots.close()
    log.close()
    pool.close()


def _seconds(ask: Callable[[], Callable[[], None]]) -> tuple[float, float]:
    """What an answer takes: seconds, and processor seconds of this process."""
    answer = ask()
    before, cpu = time.perf_counter(), time.process_time()
    answer()
    return time.perf_counter() - before, time.process_time() - cpu


def _filled(server: EmbeddedServer) -> str:
    """Payments, their journal, and filler up to the size."""
    url = fresh_database(server, "past")
    log = PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=2))
    snapshots = PostgresSnapshots(ConnectionPool(url, DatabaseRole.WRITER, size_max=1))
    ledger = LedgerFixture(log)
    ledger.bus = Bus(log, cache=StateCache(snapshot_store=snapshots))
    wallets = [ledger.open_wallet(10**9) for _ in range(WALLETS)]
    for first in range(0, PAYMENTS, BATCH):
        _pay(ledger, wallets[first // BATCH % WALLETS])
    pool = ConnectionPool(
        url, DatabaseRole.PROJECTOR, size_max=1, limit_seconds=REBUILD_SECONDS_MAX
    )
    runner = Runner(Journal, pool.connection)
    runner.rebuild(partial(log.page, topics=runner.topics))
    count = max(0, EVENTS - log.head())
    snapshots.close()
    log.close()
    pool.close()
    with psycopg.connect(url, autocommit=True) as owner:
        for statement in FILL:
            later = statement.replace("statement_timestamp()", _EACH_LATER)
            owner.execute(later, {"count": count})
        owner.execute("vacuum analyze ledger.events, ledger.commands")
    return url


def _pay(ledger: LedgerFixture, wallet: UUID) -> None:
    """A batch of payments of one wallet."""
    created = [ledger.create() for _ in range(BATCH)]
    scans = [ledger.scan(one.session_id, wallet) for one in created]
    pays = [
        ledger.pay(one.session_id, wallet, ids.encode("clm", scan.claim_id))
        for one, scan in zip(created, scans, strict=True)
    ]
    for commands in (created, scans, pays):
        ledger.bus.send_all([envelope(one) for one in commands])


class Questions:
    """One random question each, whose answer is measured; nothing is cached between them."""

    def __init__(self, log: PostgresLog, journal: Journal, snapshots: PostgresSnapshots) -> None:
        self._log, self._journal, self._snapshots = log, journal, snapshots
        self.head = log.head()
        self._last = min(self.head, 5 * PAYMENTS) * 9 // 10
        """Before the end of the payments."""

    def session(self) -> Callable[[], None]:
        """A session that was paid, at a random time after that."""
        paid = self._paid()
        return partial(self._read, PaymentSession, paid.stream_id, self._time_after(paid))

    def wallet(self) -> Callable[[], None]:
        """The wallet that paid, at a random time after that."""
        paid = self._paid()
        wallet_id = ids.decode("wal", vars(paid.event)["wallet_id"])
        return partial(self._read, Wallet, wallet_id, self._time_after(paid))

    def balance(self) -> Callable[[], None]:
        """The payable of the merchant who was paid, at a random time after that."""
        paid = self._paid()
        merchant = vars(paid.event)["merchant_id"]
        return partial(self._balance, chart.PAYABLE.of(merchant), self._time_after(paid))

    def _read(self, kind: Any, stream_id: UUID, at: datetime) -> None:
        reader = Reader(self._log, StateCache(snapshot_store=self._snapshots))
        reader.at(kind, stream_id, moment_of(self._log, at), "it")

    def _balance(self, account: str, at: datetime) -> None:
        moment = moment_of(self._log, at)
        if not self._journal.balances(account, before=moment.position + 1):
            raise RuntimeError

    def _time_after(self, recorded: Recorded) -> datetime:
        """Half of the times are among the payments, where histories are still growing."""
        last = random.choice((self._last, self.head)) - 1
        position = random.randrange(min(recorded.position + BATCH * 5, last), last + 1)
        return self._log.read(position, 1)[0].recorded_at

    def _paid(self) -> Recorded:
        """A random payment."""
        start = random.randrange(self._last * 9 // 10)
        found = self._log.read(start, BATCH * 8)
        return next(one for one in found if one.topic == "payment_session.paid")


def main() -> None:
    """Measure, and print the rows."""
    with (
        tempfile.TemporaryDirectory(prefix="qrledger-bench-") as name,
        database_server(Path(name) / "store") as server,
    ):
        measure_past(server, Table())


if __name__ == "__main__":
    main()
