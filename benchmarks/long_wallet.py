"""Cost of a command on a wallet with a long history, compared with a short one."""

from __future__ import annotations

import random
import time
from typing import Final
from uuid import UUID, uuid4

from application.bus import Bus
from application.command import Envelope, Outcome
from application.commands.top_up_wallet import TopUpWallet
from application.state_cache import StateCache
from benchmarks.limits import EVENTS, TURN_SECONDS, TURNS
from benchmarks.table import Table, spread
from domain.money.money import Money
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import PostgresSnapshots
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.ledger_fixture import LedgerFixture, envelope

BATCH: Final = 16
REPLAYS: Final = 4
"""Commands of each batch that replay an old key from anywhere in the wallet's history."""
SHORT: Final = BATCH
LONG: Final = 100_000
"""Top-ups in the history of the wallet."""


def measure_long_wallet(url: str, table: Table) -> None:
    """Alternating turns of commands on a wallet with 100,000 top-ups and on a new one."""
    count = min(LONG, EVENTS)
    short, long = LongWallet(url, SHORT), LongWallet(url, count)
    turns = [(short.rate(TURN_SECONDS), long.rate(TURN_SECONDS)) for _ in range(TURNS)]
    table.row(
        f"cost per command, wallet with {count:,} top-ups / new wallet (at most 1.2)",
        spread([new / grown for new, grown in turns]),
    )


class LongWallet:
    """A wallet with a history of top-ups, each under an idempotency key."""

    def __init__(self, url: str, top_ups: int) -> None:
        self._url = url
        self._top_ups = top_ups
        log = PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=2))
        snapshots = PostgresSnapshots(ConnectionPool(url, DatabaseRole.WRITER, size_max=1))
        ledger = LedgerFixture(log)
        ledger.bus = Bus(log, cache=StateCache(snapshot_store=snapshots))
        self._wallet: UUID = ledger.open_wallet(0)
        for first in range(0, top_ups, 256):
            numbers = range(first, min(top_ups, first + 256))
            results = ledger.bus.send_all([self._old(number) for number in numbers])
            if not all(isinstance(result, Outcome) for result in results):
                raise RuntimeError
        snapshots.close()
        log.close()

    def _old(self, number: int) -> Envelope:
        name = f"{self._wallet} {number}"
        command = TopUpWallet(wallet_id=self._wallet, amount=Money(1, "USD"), reference=name)
        return envelope(command, key=name)

    def _new(self) -> Envelope:
        name = str(uuid4())
        command = TopUpWallet(wallet_id=self._wallet, amount=Money(1, "USD"), reference=name)
        return envelope(command, key=name)

    def rate(self, seconds: float) -> float:
        """Commands per second in batches of 16 (4 of them replays), starting with a cold cache."""
        pool = ConnectionPool(self._url, DatabaseRole.WRITER, size_max=1)
        log = PostgresLog(ConnectionPool(self._url, DatabaseRole.WRITER, size_max=1))
        snapshots = PostgresSnapshots(pool)
        bus = Bus(log, cache=StateCache(snapshot_store=snapshots))
        done, started = 0, time.perf_counter()
        while time.perf_counter() < started + seconds:
            batch = [self._new() for _ in range(BATCH - REPLAYS)]
            batch += [self._old(n) for n in random.sample(range(self._top_ups), REPLAYS)]
            if not all(isinstance(result, Outcome) for result in bus.send_all(batch)):
                raise RuntimeError
            done += len(batch)
        took = time.perf_counter() - started
        snapshots.close()
        log.close()
        pool.close()
        return done / took
