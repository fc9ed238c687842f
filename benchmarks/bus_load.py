"""Lives of payments on the bus: each creates, scans and pays, then begins again."""

from __future__ import annotations

import time
from threading import Event
from uuid import UUID

from application.bus import Bus
from application.command import Outcome
from application.commands import serve_all
from application.state_cache import StateCache
from application.writer import Result, Writer
from infrastructure.bootstrap import WRITER_LANES
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import Connections, Right
from tests.support.world import World, envelope

IN_FLIGHT = 64


class Load:
    """What all lives share: the world, the writer, the end, the count."""

    def __init__(self, world: World, seconds: float) -> None:
        self.world = world
        cache = StateCache()
        lanes = (serve_all(Bus(world.log, cache=cache)) for _ in range(WRITER_LANES))
        self.writer = Writer(*lanes)
        self.until = time.perf_counter() + seconds
        self.commands = 0
        self.ended = 0
        self.over = Event()

    def count(self, result: Result) -> Outcome:
        """Count a command that was recorded; anything else is a mistake of the benchmark."""
        if not isinstance(result, Outcome):
            raise result
        self.commands += 1
        return result

    def end(self) -> None:
        """One life has ended."""
        self.ended += 1
        if self.ended == IN_FLIGHT:
            self.over.set()


class Life:
    """One payer with one wallet."""

    def __init__(self, load: Load, wallet: UUID) -> None:
        self._load, self._wallet = load, wallet

    def begin(self) -> None:
        """Ask to be paid, until time is up."""
        if time.perf_counter() > self._load.until:
            self._load.end()
            return
        command = self._load.world.create()
        self._session = command.session_id
        self._load.writer.submit(envelope(command), self._created)

    def _created(self, result: Result) -> None:
        self._load.count(result)
        scan = self._load.world.scan(self._session, self._wallet)
        self._load.writer.submit(envelope(scan), self._scanned)

    def _scanned(self, result: Result) -> None:
        claim = self._load.count(result).subject.claim.id
        pay = self._load.world.pay(self._session, self._wallet, claim)
        self._load.writer.submit(envelope(pay), self._paid)

    def _paid(self, result: Result) -> None:
        self._load.count(result)
        self.begin()


def bus(url: str, seconds: float) -> float:
    """Durable commands per second through the writer, 64 lives in flight."""
    log = PostgresLog(Connections(url, Right.WRITER, size_max=WRITER_LANES))
    world = World(log)
    wallets = [world.a_wallet(10**9) for _ in range(IN_FLIGHT)]
    load = Load(world, seconds)
    started = time.perf_counter()
    for wallet in wallets:
        Life(load, wallet).begin()
    load.writer.start()
    load.over.wait(seconds + 30)
    took = time.perf_counter() - started
    load.writer.stop()
    log.close()
    return load.commands / took
