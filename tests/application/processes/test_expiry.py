"""The expiry process on its runner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from application.event_log import fold, history
from application.processes.expiry import Expiry
from domain.sessions.state import Status
from tests.support.attempts import ATTEMPT_IDS, DECLINE, START, STARTED
from tests.support.given import SESSION_ID, given
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


def test_a_session_that_was_processing_at_its_deadline_is_due_again_after_a_decline() -> None:
    """The clock was set back a little, so the decline came before the deadline all the same."""
    scenario = given(*STARTED)
    log = scenario.log
    worker = Worker(Expiry(), MemoryTasks(log.now), log)
    worker.follow()
    log.advance(900)
    assert worker.perform() == 1
    log.advance(-1)
    scenario.run(DECLINE)
    worker.follow()

    log.advance(1)
    assert worker.perform() == 1

    session: Any = fold(history(log, SESSION_ID))
    assert session.status is Status.EXPIRED


def test_a_session_that_failed_has_no_timer() -> None:
    scenario = given(*STARTED)
    worker = Worker(Expiry(), MemoryTasks(scenario.log.now), scenario.log)
    for number in (1, 2, 3, 4):
        scenario.run(replace(DECLINE, attempt_id=ATTEMPT_IDS[number - 1]))
        scenario.run(replace(START, attempt_id=ATTEMPT_IDS[number]))
    scenario.run(replace(DECLINE, attempt_id=ATTEMPT_IDS[4]))
    worker.follow()

    scenario.log.advance(900)
    assert worker.perform() == 0
