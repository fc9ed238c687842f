"""A process that calls a fake port, and a worker around it whose steps the test runs and kills."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from random import Random
from typing import Any, ClassVar, Protocol
from uuid import UUID

from application.bus import Bus
from application.command import Envelope, Result
from application.commands.top_up_wallet import TopUpWallet
from application.consumer import Page, PagedLog
from application.event_log import EventLog, Recorded
from application.ports.tasks import Changes, ClaimedTask, Progress, Settlement, TaskStore
from application.processes._follower import ProcessFollower
from application.processes._performer import Performer
from application.processes._throttle import Throttle
from application.processes.process import (
    Cancel,
    Done,
    Park,
    Process,
    Retry,
    RetryPolicy,
    Task,
)
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog
from tests.support.memory_tasks import MemoryTasks

POLICY = RetryPolicy(
    attempts_max=4,
    first_seconds=1.0,
    seconds_max=8.0,
    retries_per_minute_max=1000,
    failures_max=1000,
    open_seconds=30.0,
    tasks_max=8,
    lease_seconds=20.0,
)
STEPS = ("claimed", "performed", "sent", "settled")
"""After which a worker can be killed; the last one is after the settlement is stored."""

Call = Callable[[Task], Done | Retry | Park | None]
"""What the port returns for a call; None for a success."""


class Killed(BaseException):
    """The worker dies here."""


class Deliveries(Process):
    """Calls a port for every session that was created, unless it is cancelled first.

    The lane is the part of the order's id before a dash. A success tops up a wallet by 1, with a
    reference of its own for each call, so that a command that was recorded twice shows.
    """

    name: ClassVar[str] = "deliveries"
    follows: ClassVar[tuple[type[Any], ...]] = (PaymentSession.Created, PaymentSession.Cancelled)
    retry: ClassVar[RetryPolicy] = POLICY

    def __init__(self, wallet_id: UUID, call: Call) -> None:
        self._wallet_id = wallet_id
        self._call = call
        self.calls: list[str] = []

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        event: Any = recorded.event
        key = str(recorded.stream_id)
        if isinstance(event, PaymentSession.Cancelled):
            yield Cancel(key)
            return
        lane, dash, _ = event.order_id.partition("-")
        yield Task(
            key=key,
            due_at=recorded.recorded_at,
            lane=lane if dash else "",
            payload={"order": event.order_id},
        )

    def perform(self, tasks: Sequence[Task]) -> Sequence[Done | Retry | Park]:
        return [self._perform(task) for task in tasks]

    def _perform(self, task: Task) -> Done | Retry | Park:
        self.calls.append(task.payload["order"])
        result = self._call(task)
        if result is not None:
            return result
        reference = f"{task.key} {len(self.calls)}"
        command = TopUpWallet(
            wallet_id=self._wallet_id, amount=Money(1, "USD"), reference=reference
        )
        return Done(commands=[command])


class KillingStore:
    """A store of tasks whose worker is killed at a step."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self.kill_at = ""

    def step(self, name: str) -> None:
        """Die here if the test wants it."""
        if self.kill_at == name:
            self.kill_at = ""
            raise Killed(name)

    def progress(self, process: str) -> Progress | None:
        return self._store.progress(process)

    def begin(self, process: str, position: int, topics: frozenset[str]) -> None:
        self._store.begin(process, position, topics)

    def replay(self, process: str, changes: Changes) -> None:
        self._store.replay(process, changes)

    def record(self, process: str, after: int, last: int, changes: Changes) -> int:
        return self._store.record(process, after, last, changes)

    def claim(self, process: str, **limits: Any) -> Sequence[ClaimedTask]:
        claimed = self._store.claim(process, **limits)
        if claimed:
            self.step("claimed")
        return claimed

    def settle(
        self, process: str, token: UUID, settlements: Sequence[Settlement]
    ) -> frozenset[str]:
        self.step("sent")
        settled = self._store.settle(process, token, settlements)
        self.step("settled")
        return settled


class KillingBus(Bus):
    """A bus whose worker is killed before the commands are sent."""

    def __init__(self, log: EventLog, store: KillingStore) -> None:
        super().__init__(log)
        self._steps = store

    def send_all(self, envelopes: Sequence[Envelope]) -> list[Result]:
        self._steps.step("performed")
        return super().send_all(envelopes)


class Log(EventLog, PagedLog, Protocol):
    """The log, as commands and as followers read it."""


class Worker:
    """A follower and a performer of one process; restarting it loses what is in memory."""

    def __init__(
        self,
        process: Process,
        store: TaskStore,
        log: Log,
        *,
        random: Random | None = None,
        elapsed: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.process, self.log, self.random, self.elapsed = process, log, random, elapsed
        self.store = KillingStore(store)
        self.restart()

    def restart(self) -> None:
        """Begin as a new worker does."""
        ids = self.random or Random(1)
        self.follower = ProcessFollower(self.process, self.store, head=self.log.head)
        self.performer = Performer(
            self.process,
            self.store,
            KillingBus(self.log, self.store),
            throttle=Throttle(self.process.retry, self.elapsed),
            clock_state=self.log.clock_state,
            new_id=lambda: UUID(int=ids.getrandbits(128)),
            random=ids,
        )

    def read(self, after: int, limit: int) -> Page:
        """A page of the log, as the feed reads it."""
        return self.log.page(after, limit, self.process.topics())

    def follow(self, size: int = 1000) -> None:
        """Follow the log to its end."""
        position = self.follower.prepare(self.read)
        while (page := self.read(position, size)).last > position:
            position = self.follower.apply(page)

    def perform(self, kill_at: str = "") -> int:
        """Run one batch; 0 if the worker was killed in it, and restart then."""
        self.store.kill_at = kill_at
        try:
            return self.performer.run_once()
        except Killed:
            self.restart()
            return 0


class TaskFixture:
    """A ledger in memory, the test's process, and one worker."""

    def __init__(self, call: Call = lambda _task: None) -> None:
        self.log = MemoryLog()
        self.ledger = LedgerFixture(self.log)
        self.wallet = self.ledger.open_wallet(0)
        self.store = MemoryTasks(self.log.server_now)
        self.process = Deliveries(self.wallet, call)
        self.worker = self.add_worker()

    def add_worker(self) -> Worker:
        """Another worker on the same store."""
        return Worker(self.process, self.store, self.log, elapsed=self.elapsed)

    def elapsed(self) -> float:
        """Seconds since the beginning of 2026."""
        return self.log.clock.timestamp()

    def order(self, *order_ids: str) -> list[str]:
        """Create sessions, follow them, and return the keys of their tasks."""
        keys = [str(self.ledger.create_session(order_id)) for order_id in order_ids]
        self.worker.follow()
        return keys

    def advance(self, seconds: float) -> None:
        """Let time pass, in steps that do not cast doubt on the clock."""
        self.log.clock += timedelta(seconds=seconds)

    def drain(self, batches: int = 200) -> None:
        """Perform whatever becomes due, letting time pass."""
        for _ in range(batches):
            if not self.worker.perform():
                self.advance(5)

    @property
    def calls(self) -> list[str]:
        """The orders for which the port was called, in order."""
        return self.process.calls

    @property
    def topped_up(self) -> int:
        """How many commands were recorded."""
        return int(self.ledger.wallet(self.wallet).available_minor)

    @property
    def waiting(self) -> list[str]:
        """The orders whose tasks are not finished, in stored order."""
        rows = sorted(self.store.rows.values(), key=lambda row: row.number)
        return [row.task.payload["order"] for row in rows]
