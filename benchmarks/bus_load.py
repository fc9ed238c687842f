"""Lives of payments on the bus: each creates, scans and pays, then begins again."""

from __future__ import annotations

import time
from threading import Event
from uuid import UUID

from application.bus import Bus
from application.command import Envelope, Outcome
from application.commands import serve_all
from application.state_cache import StateCache
from application.writer import Result, Writer
from domain import ids
from infrastructure.bootstrap import WRITER_LANES
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import Connections, Right
from tests.support.world import World, envelope

IN_FLIGHT = 64
LIVES_PER_SECOND = 60
"""Prepared for each of them."""


class Load:
    """What all lives share: the world, the writer, the end, the count."""

    def __init__(self, world: World) -> None:
        self.world = world
        cache = StateCache()
        lanes = (serve_all(Bus(world.log, cache=cache)) for _ in range(WRITER_LANES))
        self.writer = Writer(*lanes)
        self.until = 0.0
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
    """One payer with one wallet. Its clients made their requests before the clock was started."""

    def __init__(self, load: Load, wallet: UUID, lives: int) -> None:
        self._load, self._wallet = load, wallet
        self._ready = [self._life() for _ in range(lives)]
        self._next: list[Envelope] = []

    def _life(self) -> list[Envelope]:
        """Pay, scan, create: taken from the end."""
        world = self._load.world
        create = world.create()
        scan = world.scan(create.session_id, self._wallet)
        pay = world.pay(create.session_id, self._wallet, ids.encode("clm", scan.claim_id))
        return [envelope(pay), envelope(scan), envelope(create)]

    def begin(self) -> None:
        """Ask to be paid, until time is up."""
        if time.perf_counter() > self._load.until:
            self._load.end()
            return
        self._next = self._ready.pop() if self._ready else self._life()
        self._ask()

    def _ask(self) -> None:
        self._load.writer.submit(self._next.pop(), self._answered)

    def _answered(self, result: Result) -> None:
        self._load.count(result)
        if self._next:
            self._ask()
        else:
            self.begin()


def bus(url: str, seconds: float) -> float:
    """Durable commands per second through the writer, 64 lives in flight."""
    log = PostgresLog(Connections(url, Right.WRITER, size_max=WRITER_LANES))
    world = World(log)
    wallets = [world.a_wallet(10**9) for _ in range(IN_FLIGHT)]
    load = Load(world)
    lives = [Life(load, wallet, int(seconds * LIVES_PER_SECOND)) for wallet in wallets]
    started = time.perf_counter()
    load.until = started + seconds
    for life in lives:
        life.begin()
    load.writer.start()
    load.over.wait(seconds + 30)
    took = time.perf_counter() - started
    load.writer.stop()
    log.close()
    return load.commands / took
