"""Lives of payments on the bus: each creates, scans and pays, then begins again."""

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
from infrastructure.bootstrap import WRITER_LANES
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.ledger_fixture import LedgerFixture, envelope

IN_FLIGHT = 64
ANSWER_SECONDS_MAX = 30
LIVES_PER_SECOND = 60
"""Prepared for each of them."""


class Life:
    """One payer with one wallet. Its clients made their requests before the clock was started."""

    def __init__(self, ledger: LedgerFixture, wallet: UUID, lives: int) -> None:
        self._ledger, self._wallet = ledger, wallet
        self._ready = [self._life() for _ in range(lives)]
        self._next: list[Envelope] = []

    def _life(self) -> list[Envelope]:
        """Pay, scan, create: taken from the end."""
        create = self._ledger.create()
        scan = self._ledger.scan(create.session_id, self._wallet)
        claim = ids.encode("clm", scan.claim_id)
        pay = self._ledger.pay(create.session_id, self._wallet, claim)
        return [envelope(pay), envelope(scan), envelope(create)]

    def step(self, *, over: bool = False) -> Envelope | None:
        """What is asked next; None if time is up and this life has been lived."""
        if not self._next:
            if over:
                return None
            self._next = self._ready.pop() if self._ready else self._life()
        return self._next.pop()

    def answered(self, result: Result) -> None:
        """An answer; anything but a recorded command is a mistake of the benchmark."""
        if not isinstance(result, Outcome):
            raise result


class Load:
    """The lives, and a writer that is handed all next steps of a batch at once, as by the API."""

    def __init__(self, ledger: LedgerFixture, wallets: Sequence[UUID], seconds: float) -> None:
        cache = StateCache()
        lanes = (Bus(ledger.log, cache=cache) for _ in range(WRITER_LANES))
        self._writer = Writer(*lanes, deliver=self._deliver)
        count = int(seconds * LIVES_PER_SECOND)
        lives = [Life(ledger, wallet, count) for wallet in wallets]
        self._by_answer: dict[ResultCallback, Life] = {life.answered: life for life in lives}
        self._lock = Lock()  # two lanes deliver
        self._until = 0.0
        self._left = len(wallets)
        self._over = Event()
        self.commands = 0

    def run(self, seconds: float) -> float:
        """Live until time is up; answers with the seconds it took."""
        started = time.perf_counter()
        self._until = started + seconds
        self._ask(list(self._by_answer))
        self._writer.start()
        if not self._over.wait(seconds + ANSWER_SECONDS_MAX):
            msg = f"{self._left} of {IN_FLIGHT} lives heard nothing for {ANSWER_SECONDS_MAX} s"
            raise RuntimeError(msg)
        took = time.perf_counter() - started
        self._writer.stop()
        return took

    def _deliver(self, answers: Sequence[tuple[ResultCallback, Result]]) -> None:
        for answer, result in answers:
            answer(result)
        with self._lock:
            self.commands += len(answers)
        self._ask([answer for answer, _ in answers])

    def _ask(self, answers: Sequence[ResultCallback]) -> None:
        over = time.perf_counter() > self._until
        steps = [(self._by_answer[answer].step(over=over), answer) for answer in answers]
        self._writer.submit_all([(step, answer) for step, answer in steps if step is not None])
        with self._lock:
            self._left -= sum(step is None for step, _ in steps)
            if self._left == 0:
                self._over.set()


def bus(url: str, seconds: float) -> float:
    """Durable commands per second through the writer, 64 lives in flight."""
    log = PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=WRITER_LANES))
    ledger = LedgerFixture(log)
    wallets = [ledger.open_wallet(10**9) for _ in range(IN_FLIGHT)]
    load = Load(ledger, wallets, seconds)
    gc.collect()  # the turn before has left its garbage
    took = load.run(seconds)
    log.close()
    return load.commands / took
