"""10,000 attempts whose end is unknown at once: asked for within the budget, and none is lost."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Final, cast
from uuid import UUID

import pytest

from application.command import Command
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.ports.processor import Answer, Charge, OutcomeUnknown, Processor, State
from application.processes.status_checks import StatusChecks
from application.reader import LedgerClock, Reader
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import MemoryLog
from tests.support.memory_notes import MemoryNotes, return_address
from tests.support.memory_tasks import MemoryTasks
from tests.support.task_fixture import Worker

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

ATTEMPTS: Final = 10_000
AWAY_SECONDS: Final = 300
CALLS_PER_MINUTE_MAX: Final = 960
"""What the policy allows: two lanes of four tasks, each with a pause of half a second."""
MINUTES_MAX: Final = 90
BATCH: Final = 200


class Returning:
    """A processor that is silent for five minutes; of every fourth charge it never says the end."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._back_at = log.clock.timestamp() + AWAY_SECONDS
        self.calls: Counter[int] = Counter()
        """By minute."""

    def status(self, charge: Charge) -> Answer:
        now = self._log.clock.timestamp()
        self.calls[int(now // 60)] += 1
        if now < self._back_at:
            raise OutcomeUnknown("silent")
        if charge.attempt_id.endswith(("0", "4", "8", "c", "g", "m", "r", "w")):
            return Answer(state=State.PROCESSING, reference=charge.attempt_id)
        return Answer(state=State.CAPTURED, reference=charge.attempt_id, amount=charge.amount)

    def void(self, charge: Charge) -> Answer:
        return self.status(charge)


def begin_all(ledger: LedgerFixture) -> list[UUID]:
    """A session with an attempt, many times."""
    ledger.send(SetProcessors(merchant_id=ledger.merchant_id, processors=("psp",)))
    sessions = [ledger.create(amount=Money(1200, "USD")) for _ in range(ATTEMPTS)]
    starts: list[Command] = [
        StartAttempt(attempt_id=ledger.new_id(), session_id=one.session_id, processor="psp")
        for one in sessions
    ]
    for commands in (sessions, starts):
        for first in range(0, ATTEMPTS, BATCH):
            ledger.bus.send_all([envelope(one) for one in commands[first : first + BATCH]])
    return [one.session_id for one in sessions]


def test_ten_thousand_unknown_attempts_stay_inside_the_budget() -> None:
    log = MemoryLog()
    ledger = LedgerFixture(log)
    session_ids = begin_all(ledger)
    processor, store = Returning(log), MemoryTasks(log.server_now)

    def elapsed() -> float:
        return log.clock.timestamp()

    reader = Reader(log)
    reader.clock = LedgerClock(log, elapsed=elapsed)
    checks = StatusChecks(
        {"psp": cast("Processor", processor)}, MemoryNotes(), reader, return_address
    )
    worker = Worker(checks, store, log, random=Random(1), elapsed=elapsed)
    end = log.clock.timestamp() + MINUTES_MAX * 60

    worker.follow()
    while store.rows and log.clock.timestamp() < end:
        busy = sum(worker.perform() for _ in range(checks.retry.concurrency))
        log.advance(checks.retry.pause_seconds if busy else 5)
        worker.follow()

    ends = Counter(_end(reader, one) for one in session_ids)
    assert store.rows == {}
    assert sum(ends.values()) == ATTEMPTS
    assert set(ends) == {("paid", ()), ("processing", ("unresolved",))}
    assert max(processor.calls.values()) <= CALLS_PER_MINUTE_MAX


def _end(reader: Reader, session_id: UUID) -> tuple[str, tuple[str, ...]]:
    session = reader.get(PaymentSession, session_id, "payment session").state
    return session.status.value, tuple(session.flags)
