"""What a command costs on a wallet with a long history, beside one on a wallet with a short one."""

from __future__ import annotations

import random
import time
from uuid import UUID, uuid4

from application.bus import Bus
from application.command import Envelope, Outcome
from application.commands.top_up_wallet import TopUpWallet
from application.state_cache import StateCache
from domain.money.money import Money
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import PostgresSnapshots
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.ledger_fixture import LedgerFixture, envelope

BATCH = 16
REPLAYS = 4
"""Of each batch, so many repeat an old key, from anywhere in the wallet's history."""
SHORT = BATCH


class LongWallet:
    """A wallet with a history of keyed top-ups, and the cost of going on with it."""

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
            if not all(
                isinstance(one, Outcome) for one in ledger.bus.send_all([*map(self._old, numbers)])
            ):
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
        """Commands per second in batches of 16, four of them replays, from a cold cache."""
        connections = ConnectionPool(self._url, DatabaseRole.WRITER, size_max=1)
        log = PostgresLog(ConnectionPool(self._url, DatabaseRole.WRITER, size_max=1))
        snapshots = PostgresSnapshots(connections)
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
        connections.close()
        return done / took
