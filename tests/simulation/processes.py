"""The processes of an installation as step functions around the code that runs in production."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from api.live.hub import BUFFER_BYTES_MAX, Hub, Listener
from api.live.protocol import TOPICS
from application.bus import Bus
from application.clock_guard import offset_to_accept
from application.command import Envelope, Result
from application.commands.accept_clock import AcceptClock
from application.errors import LogUnavailable
from application.processes.process import Process
from application.queue import ResultCallback
from application.reader import LedgerClock
from application.refusals import RefusalRecording
from application.state_cache import StateCache
from domain.errors import LedgerError
from domain.sessions.payment_session import PaymentSession
from infrastructure.event_store import registry
from tests.simulation.faulty_log import FaultyLog, VirtualLog
from tests.simulation.kernel import Kernel
from tests.support.feeds import memory_feed
from tests.support.memory_tasks import MemoryTasks
from tests.support.task_fixture import STEPS, Killed, Worker

BATCH_MAX: Final = 8
PAGE_EVENTS: Final = 28
WORK_SECONDS: Final = 1.0
LANES: Final = 2
FOLLOW_SECONDS: Final = 0.25
OPERATOR_SECONDS: Final = 45.0
SESSION_TOPICS: Final = frozenset(registry.events_of([PaymentSession]))

Reply = Callable[[Result | None], None]


class ApiProcess:
    """The API: two lanes, one cache and a queue in memory; a crash loses all of them."""

    def __init__(self, kernel: Kernel, log: VirtualLog, name: str) -> None:
        self._kernel, self._name = kernel, name
        self._log = FaultyLog(log, kernel)
        self._queue: list[tuple[Envelope, Reply]] = []
        self._in_lanes: list[set[UUID]] = [set() for _ in range(LANES)]
        self._start()

    def _start(self) -> None:
        self._log.restart()
        cache = StateCache(states_max=20)
        self._lanes = [Bus(self._log, cache=cache) for _ in range(LANES)]
        self._refusals = RefusalRecording()

    def submit(self, envelope: Envelope, reply: Reply) -> None:
        """Queue a command; `reply` gets its result, or None if the connection broke."""
        self._queue.append((envelope, reply))
        lane = self._kernel.random.randrange(LANES)
        self._kernel.after(self._kernel.random.random() * 0.01, lambda: self._step(lane))

    def in_doubt(self) -> bool:
        """Whether `/readyz` reports the clock as in doubt."""
        return bool(self._log.clock_state().doubt)

    def crash(self) -> None:
        """Lose everything in memory and break the connections of all callers."""
        lost, self._queue = self._queue, []
        self._start()
        for _, reply in lost:
            reply(None)

    def _step(self, lane: int) -> None:
        if self._in_lanes[lane]:  # this lane waits for the log
            self._kernel.after(0.01, lambda: self._step(lane))
            return
        others = set().union(*(names for n, names in enumerate(self._in_lanes) if n != lane))
        batch: list[tuple[Envelope, Reply]] = []
        for queued in list(self._queue):
            envelope, _ = queued
            names = {envelope.command_id, *envelope.command.writes}
            if len(batch) < BATCH_MAX and others.isdisjoint(names):
                batch.append(queued)
                self._queue.remove(queued)
                self._in_lanes[lane] |= names
            else:
                others |= names
        if not batch:
            if self._queue:
                self._kernel.after(0.01, lambda: self._step(lane))
            return
        bus = self._lanes[lane]
        results = bus.send_all([envelope for envelope, _ in batch])
        self._in_lanes[lane] = set()
        for (envelope, reply), result in zip(batch, results, strict=True):
            code = result.code if isinstance(result, LedgerError) else "ok"
            self._kernel.note(self._name, type(envelope.command).__name__, code)
            reply(None if bus not in self._lanes else result)
        if bus in self._lanes:
            self._record_refusals(zip((envelope for envelope, _ in batch), results, strict=True))

    def _record_refusals(self, answered: Iterable[tuple[Envelope, Result]]) -> None:
        """As the writer does: after the answers, as commands like any other."""
        recording = self._refusals
        recording.add(answered)

        def settled(finish: ResultCallback, result: Result | None) -> None:
            if result is not None:  # else they were lost in a crash, with the whole recording
                finish(result)

        for envelope, finish in recording.take():
            self.submit(envelope, partial(settled, finish))


class ProcessWorker:
    """The worker of a process; a crash keeps its tasks, which are in the database.

    It can die between any two steps of a task; others may then claim it when its lease has ended.
    """

    def __init__(
        self, kernel: Kernel, log: VirtualLog, process: Process, *, seconds: float = WORK_SECONDS
    ) -> None:
        self._kernel, self._process, self._seconds = kernel, process, seconds
        self._log = FaultyLog(log, kernel)
        self.tasks = MemoryTasks(log.server_now)
        self.crash()
        kernel.after(seconds, self._step)

    def in_doubt(self) -> bool:
        """Whether its metric `qrledger_clock_doubt` reports the clock as in doubt."""
        return bool(self._log.clock_state().doubt)

    def crash(self) -> None:
        """Restart with a new bus, an empty cache and no witness."""
        self._log.restart()
        self._worker = Worker(
            self._process,
            self.tasks,
            self._log,
            random=self._kernel.random,
            elapsed=lambda: self._kernel.seconds,
        )

    def _step(self) -> None:
        self._kernel.after(self._seconds, self._step)
        name = self._process.name
        try:
            self._follow()
            dies = self._kernel.occurs("crash in a task")
            self._worker.store.kill_at = self._kernel.random.choice(STEPS) if dies else ""
            count = self._worker.performer.run_once()
            self._kernel.note(name, count)
        except LogUnavailable:
            self._kernel.note(name, "log unavailable")
        except Killed as step:
            self._kernel.note(name, "killed", step)
            self.crash()

    def _follow(self) -> None:
        follower = self._worker.follower
        position = follower.prepare(self._worker.read)
        redelivered = self._kernel.occurs("duplicate delivery")
        after = max(0, position - PAGE_EVENTS) if redelivered else position
        page = self._worker.read(after, PAGE_EVENTS)
        if page.last > after:
            follower.apply(page)


class Operator:
    """Watches every process for a clock in doubt; accepts the clock, or corrects it."""

    def __init__(
        self, kernel: Kernel, log: VirtualLog, processes: Sequence[ApiProcess | ProcessWorker]
    ) -> None:
        self._kernel, self._log, self._processes = kernel, log, processes
        self.accepted = 0
        kernel.after(OPERATOR_SECONDS, self._look)

    def _look(self) -> None:
        self._kernel.after(OPERATOR_SECONDS, self._look)
        if not any(process.in_doubt() for process in self._processes):
            return
        if self._kernel.occurs("clock corrected"):
            self._log.skew = timedelta(0)
            return
        admin = FaultyLog(self._log, self._kernel)  # the CLI command is a process of its own
        try:
            offset = offset_to_accept(admin.clock_state())
            if offset is None:
                return
            command = AcceptClock(acceptance_id=self._kernel.new_id(), offset=offset)
            envelope = Envelope(command=command, command_id=self._kernel.new_id(), actor="operator")
            self._bus_of(admin).send(envelope)
        except LedgerError as refusal:
            self._kernel.note("operator", refusal.code)
        else:
            self.accepted += 1
            self._kernel.note("operator", "accepted")

    @staticmethod
    def _bus_of(admin: FaultyLog) -> Bus:
        return Bus(admin)


class Screen:
    """A checkout screen: keeps all messages and reconnects with the last version it received."""

    def __init__(self, session_id: UUID) -> None:
        self.session_id = session_id
        self.received: list[dict[str, Any]] = []
        self.connection: Connection | None = None
        self.slow = False

    @property
    def seq(self) -> int | None:
        """The last version received."""
        seqs = [message["seq"] for message in self.received if "seq" in message]
        return seqs[-1] if seqs else None


class Connection:
    """One connection of a screen; messages to a broken one are lost."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.broken = False

    def buffered_bytes(self) -> int:
        return BUFFER_BYTES_MAX + 1 if self.screen.slow else 0

    def send(self, text: str) -> None:
        if not self.broken:
            self.screen.received.append(msgspec.json.decode(text))

    def disconnect(self, code: int, reason: str) -> None:
        self.broken = True
        if self.screen.connection is self:
            self.screen.connection = None


class NotifierProcess:
    """The notifier: a hub and its feed, which reads from the head of the log while anybody listens."""

    def __init__(self, kernel: Kernel, log: VirtualLog, screens: list[Screen]) -> None:
        self._kernel = kernel
        self._log = FaultyLog(log, kernel)
        self._screens = screens
        self._drift = 1.0
        self.crash()
        kernel.after(FOLLOW_SECONDS, self._follow)

    def crash(self) -> None:
        """Lose everything in memory and break all connections."""
        self._log.restart()
        if self._kernel.occurs("clock of a process"):
            self._drift = self._kernel.random.choice([0.0, 0.5, 2.0, -1.0])
        clock = LedgerClock(self._log, elapsed=lambda: self._kernel.seconds * self._drift)
        self._hub = Hub(clock.estimate, livemode=False)
        self._feed = memory_feed(
            self._log, topics=SESSION_TOPICS, wanted=lambda: not self._hub.is_empty
        )
        self.position = 0
        for screen in self._screens:
            if screen.connection is not None:
                screen.connection.disconnect(0, "the process has crashed")

    def connect(self, screen: Screen) -> None:
        """Register, later resume the feed, read the history and send the first messages: in order."""
        connection = screen.connection = Connection(screen)
        screen.slow = False
        hub, listener = self._hub, Listener(connection, screen.session_id)
        hub.register(listener)

        def admit() -> None:
            if connection.broken:
                return
            try:
                self._feed.resume()
                loaded = self._log.load({screen.session_id: 0}, [])
            except LogUnavailable:
                connection.disconnect(1013, "the ledger is unavailable")
                hub.unregister(listener)
                return
            history = [event for event in loaded.events if event.topic in TOPICS]
            hub.start(listener, history, screen.seq)

        self._kernel.after(self._kernel.random.random() * 0.2, admit)

    def _follow(self) -> None:
        self._kernel.after(FOLLOW_SECONDS, self._follow)
        for listener in self._hub.listeners():
            if isinstance(listener.socket, Connection) and listener.socket.broken:
                self._hub.unregister(listener)
        redelivered = self._kernel.occurs("duplicate delivery")
        after = max(0, self.position - 3) if redelivered else self.position
        try:
            page = self._feed.next(after, SESSION_TOPICS, 0)
        except LogUnavailable:
            return
        if page.last > page.after:
            self.position = max(self.position, page.last)
            self._hub.dispatch(page.events)
            self._kernel.note("notifier", self.position)
