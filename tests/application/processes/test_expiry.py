"""The expiry process on its runner."""

from __future__ import annotations

from application.processes.expiry import Expiry
from domain.sessions.state import Status
from tests.support.interfering_log import InterferingLog
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_tasks import MemoryTasks
from tests.support.task_fixture import Worker


def test_a_session_is_expired_once_it_is_due_and_its_task_is_gone() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    session = ledger.create_session()
    worker = Worker(Expiry(), MemoryTasks(log.server_now), log)
    worker.follow()

    assert worker.perform() == 0
    log.advance(900)
    assert worker.perform() == 1

    assert ledger.session(session).status is Status.EXPIRED
    log.advance(3600)
    assert worker.perform() == 0


def test_a_clock_that_goes_back_after_the_claim_delays_an_expiry_and_does_not_lose_it() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    session = ledger.create_session()
    worker = Worker(Expiry(), MemoryTasks(log.server_now), log)
    worker.follow()
    log.advance(900)
    log.before_append = lambda: log.advance(-1)

    assert worker.perform() == 1
    assert ledger.session(session).status is Status.CREATED

    log.advance(60)
    assert worker.perform() == 1
    assert ledger.session(session).status is Status.EXPIRED
