"""Load on the bus: payers that create, scan and pay one session after another."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from threading import Event, Lock
from uuid import UUID

from application.bus import Bus
from application.command import Envelope, Outcome, Result
from application.queue import ResultCallback
from application.state_cache import StateCache
from application.writer import Writer
from domain import ids
from infrastructure.bootstrap.api_process import WRITER_LANES
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.ledger_fixture import LedgerFixture, envelope

IN_FLIGHT = 64
DRAIN_SECONDS_MAX = 30
SESSIONS_PER_SECOND = 60
"""Commands prepared in advance, per payer, in sessions per second of load."""


class Payer:
    """One payer with one wallet. Its commands are made before the measurement starts."""

    def __init__(self, ledger: LedgerFixture, wallet: UUID, sessions: int) -> None:
        self._ledger, self._wallet = ledger, wallet
        self._ready = [self._session() for _ in range(sessions)]
        self._next: list[Envelope] = []

    def _session(self) -> list[Envelope]:
        """Pay, scan, create: taken from the end of the list."""
        create = self._ledger.create()
        scan = self._ledger.scan(create.session_id, self._wallet)
        claim = ids.encode("clm", scan.claim_id)
        pay = self._ledger.pay(create.session_id, self._wallet, claim)
        return [envelope(pay), envelope(scan), envelope(create)]

    def step(self, *, stopping: bool = False) -> Envelope | None:
        """The next command, or None if time is up and the current session is paid."""
        if not self._next:
            if stopping:
                return None
            self._next = self._ready.pop() if self._ready else self._session()
        return self._next.pop()

    def completed(self, result: Result) -> None:
        """Accept a result; anything but an outcome is an error of the benchmark."""
        if not isinstance(result, Outcome):
            raise result


class Load:
    """The payers, and a writer that receives their next commands in batches, as from the API."""

    def __init__(self, ledger: LedgerFixture, wallets: Sequence[UUID], seconds: float) -> None:
        cache = StateCache()
        lanes = (Bus(ledger.log, cache=cache) for _ in range(WRITER_LANES))
        self._writer = Writer(*lanes, deliver=self._deliver)
        count = int(seconds * SESSIONS_PER_SECOND)
        payers = [Payer(ledger, wallet, count) for wallet in wallets]
        self._payers: dict[ResultCallback, Payer] = {payer.completed: payer for payer in payers}
        self._lock = Lock()  # two lanes deliver results
        self._until = 0.0
        self._active = len(wallets)
        self._finished = Event()
        self.commands = 0

    def run(self, seconds: float) -> float:
        """Run for `seconds`, then finish open sessions; returns the seconds it took."""
        started = time.perf_counter()
        self._until = started + seconds
        self._submit(list(self._payers))
        self._writer.start()
        if not self._finished.wait(seconds + DRAIN_SECONDS_MAX):
            msg = f"{self._active} of {IN_FLIGHT} payers got no result for {DRAIN_SECONDS_MAX} s"
            raise RuntimeError(msg)
        took = time.perf_counter() - started
        self._writer.stop()
        return took

    def _deliver(self, results: Sequence[tuple[ResultCallback, Result]]) -> None:
        for callback, result in results:
            callback(result)
        with self._lock:
            self.commands += len(results)
        self._submit([callback for callback, _ in results])

    def _submit(self, callbacks: Sequence[ResultCallback]) -> None:
        stopping = time.perf_counter() > self._until
        steps = [
            (self._payers[callback].step(stopping=stopping), callback) for callback in callbacks
        ]
        self._writer.submit_all([(step, callback) for step, callback in steps if step is not None])
        with self._lock:
            self._active -= sum(step is None for step, _ in steps)
            if self._active == 0:
                self._finished.set()


def bus(url: str, seconds: float) -> float:
    """Durable commands per second through the writer, with 64 payers."""
    log = PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=WRITER_LANES))
    ledger = LedgerFixture(log)
    wallets = [ledger.open_wallet(10**9) for _ in range(IN_FLIGHT)]
    load = Load(ledger, wallets, seconds)
    gc.collect()  # garbage of the previous turn
    took = load.run(seconds)
    log.close()
    return load.commands / took
