"""A ledger in memory with a processor, and the workers of every process of its payments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from application.callbacks import PROCESS, to_payload
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.event_log import history
from application.ports.processor import Notice, Processor
from application.ports.tasks import Changes
from application.processes.expiry import Expiry
from application.processes.payments import Payments
from application.processes.process import Process, Task
from application.processes.processor_callbacks import ProcessorCallbacks
from application.processes.processor_refunds import ProcessorRefunds
from application.processes.sandbox_callbacks import SandboxCallbacks
from application.processes.status_checks import StatusChecks
from application.reader import LedgerClock, Reader
from domain import ids
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from infrastructure.processors.sandbox import Sandbox
from infrastructure.processors.sandbox_store import MemorySandboxStore
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog
from tests.support.memory_notes import MemoryInbox, MemoryNotes, return_address
from tests.support.memory_tasks import MemoryTasks
from tests.support.task_fixture import Worker

SANDBOX_SECRET = b"the secret of the sandbox"


class TaskInbox(MemoryInbox):
    """An inbox that stores the task of a callback, as PostgreSQL does."""

    def __init__(self, installation: Payers) -> None:
        super().__init__()
        self._installation = installation

    def receive(self, processor: str, notice: Notice, sha256: bytes) -> bool:
        new = super().receive(processor, notice, sha256)
        if new:
            payload = {**to_payload(notice), "processor": processor}
            key = f"{processor} {notice.id}"
            task = Task(
                key=key, due_at=min(self._installation.log.clock, notice.at), payload=payload
            )
            self._installation.store.replay(PROCESS, Changes((), (task,)))
        return new


class Payers:
    """A ledger whose merchant takes payments through a processor."""

    def __init__(
        self, processor: Processor | None = None, late_money_seconds: int = 86_400
    ) -> None:
        self.log = MemoryLog()
        self.ledger = LedgerFixture(self.log)
        self.store = MemoryTasks(self.log.server_now)
        self.charges = MemorySandboxStore()
        self.sandbox = Sandbox(
            self.charges,
            secret=SANDBOX_SECRET,
            public_url="https://pay.example",
            now=lambda: self.log.clock,
        )
        self.processors: dict[str, Processor] = {"sandbox": processor or self.sandbox}
        self.notes, self.inbox = MemoryNotes(), TaskInbox(self)
        reader = Reader(self.log)
        reader.clock = LedgerClock(self.log, elapsed=self.elapsed)
        taking: dict[str, Any] = {
            "processors": self.processors,
            "notes": self.notes,
            "reader": reader,
            "return_address": return_address,
            "late_money_seconds": late_money_seconds,
        }
        self.processes: Sequence[Process] = (
            Payments(**taking),
            StatusChecks(**taking),
            ProcessorCallbacks(self.notes, reader, late_money_seconds),
            ProcessorRefunds(self.processors, reader),
            SandboxCallbacks(self.sandbox, self.inbox),
            Expiry(),
        )
        self.workers = [
            Worker(one, self.store, self.log, elapsed=self.elapsed) for one in self.processes
        ]
        merchant = ids.decode("mer", self.ledger.merchant)
        self.ledger.send(SetProcessors(merchant_id=merchant, processors=("sandbox",)))

    def elapsed(self) -> float:
        return self.log.clock.timestamp()

    def start(self, minor: int = 1200, **metadata: str) -> UUID:
        """A session of this amount, and an attempt of its payer."""
        session_id = self.ledger.create_session(
            amount=Money(minor, "USD"), metadata=metadata, order_id=str(minor)
        )
        self.attempt(session_id)
        return session_id

    def attempt(self, session_id: UUID) -> UUID:
        """Another attempt of the session's payer."""
        attempt_id = self.ledger.new_id()
        start = StartAttempt(attempt_id=attempt_id, session_id=session_id, processor="sandbox")
        self.ledger.send(start)
        return attempt_id

    def run(self, seconds: float = 0, *, step: float = 5, kill_at: str = "") -> None:
        """Let the workers work, and time pass; the first attempt of each task dies at the step."""
        end = self.log.clock.timestamp() + seconds
        while True:
            for worker in self.workers:
                worker.follow()
                while worker.perform(kill_at if self._first(worker) else ""):
                    worker.follow()
            if self.log.clock.timestamp() >= end:
                return
            self.log.advance(step)

    def _first(self, worker: Worker) -> bool:
        return any(
            process == worker.process.name and not row.attempts and row.due_at <= self.log.clock
            for (process, _), row in self.store.rows.items()
        )

    def session(self, session_id: UUID) -> PaymentSession:
        """The session as the log has it."""
        return Reader(self.log).get(PaymentSession, session_id, "payment session").state

    def topics(self, session_id: UUID) -> list[str]:
        """The topics of the session's events."""
        return [one.topic for one in history(self.log, session_id)]

    def taken_minor(self) -> int:
        """What the sandbox has taken."""
        return sum(row.minor for row in self.charges.rows if row.state == "captured")

    @property
    def parked(self) -> list[str]:
        """The keys of tasks that wait for a person."""
        return [key for (_, key), row in self.store.rows.items() if row.parked]


def attempt_of(session: PaymentSession) -> Any:
    """The last attempt of a session."""
    return list(session.attempts.values())[-1]


def sandbox_reference(session: PaymentSession) -> str:
    """The sandbox's name of the last attempt's charge."""
    session_id = session.public_id
    return f"sbx_{ids.derive('sandbox', f'{session_id}.{attempt_of(session).id}').hex}"
