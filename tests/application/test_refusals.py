"""Losing commands are recorded after their answers: once, bounded, and beside the payments."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event
from typing import Any
from uuid import UUID

from application.checks.checker import check_log
from application.command import Command, Envelope, Outcome, Result
from application.errors import Overloaded
from application.ports.metrics import NoMetrics
from application.refusals import RefusalRecording
from application.writer import Writer
from domain import ids
from domain.errors import LedgerError
from domain.sessions.errors import SessionClaimed, SessionExpired
from domain.sessions.refusals import SessionRefusals
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import MemoryLog

WAIT_SECONDS_MAX = 10.0
CLAIMED = SessionClaimed(session_id="ps_1", lease_until="later", retry_after_seconds=1)


class Counted(NoMetrics):
    """The metrics of refusals, as a counter."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def refusal_settled(self, outcome: str) -> None:
        self.outcomes[outcome] += 1


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    pause = Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.002)


def run(
    ledger: LedgerFixture, commands: Sequence[Command | Envelope], metrics: Counted, settled: int
) -> list[Result]:
    """The answers to commands sent one after the other, once this many refusals have settled."""
    answers: list[Result] = []
    writer = Writer(ledger.bus, metrics=metrics)
    writer.start()
    for command in commands:
        sent = command if isinstance(command, Envelope) else envelope(command)
        count = len(answers)
        writer.submit(sent, answers.append)
        wait_for(lambda count=count: len(answers) > count)  # type: ignore[misc]
    wait_for(lambda: metrics.outcomes.total() >= settled)
    writer.stop()
    return answers


def refusals_of(ledger: LedgerFixture, session_id: UUID) -> list[Any]:
    log = ledger.log
    assert isinstance(log, MemoryLog)
    return [one.event for one in log.stream(SessionRefusals.stream_id(session_id))]


def test_the_second_wallets_scan_is_answered_and_then_recorded() -> None:
    ledger, metrics = LedgerFixture(log := MemoryLog()), Counted()
    session, first, second = ledger.create_session(), ledger.open_wallet(), ledger.open_wallet()
    ledger.claim_session(session, first)
    losing = replace(envelope(ledger.scan(session, second)), actor="app_x", trace_id="trace 1")

    [answer] = run(ledger, [losing], metrics, settled=1)

    assert isinstance(answer, SessionClaimed)
    [event] = refusals_of(ledger, session)
    assert (event.action, event.code, event.wallet_id) == (
        "scan", "session-claimed", ids.encode("wal", second),
    )  # fmt: skip
    assert event.refused_command_id == str(losing.command_id)
    last = log.events[-1]
    assert last.command_id == ids.derive("refusal", losing.command_id.bytes)
    assert (last.actor, last.trace_id) == ("app_x", "trace 1")
    assert metrics.outcomes == {"recorded": 1}
    assert check_log(log.events)[1] == []


def test_a_refusal_sent_again_under_its_key_is_recorded_once_by_any_process() -> None:
    ledger = LedgerFixture(MemoryLog())
    other = LedgerFixture(ledger.log, like=ledger)
    session, first, second = ledger.create_session(), ledger.open_wallet(), ledger.open_wallet()
    claim = ledger.claim_session(session, first)
    pay = envelope(ledger.pay(session, second, claim), key="pay 1")
    metrics = Counted()

    answers = run(ledger, [pay, pay], metrics, settled=2)
    answers += run(other, [pay, pay], metrics, settled=4)

    assert [one.code for one in answers if isinstance(one, LedgerError)] == ["claim-required"] * 4
    assert len(refusals_of(ledger, session)) == 1
    assert metrics.outcomes == {"recorded": 1, "skipped": 3}


def test_a_kept_refusal_that_is_replayed_is_not_recorded_again() -> None:
    ledger, metrics = LedgerFixture(log := MemoryLog()), Counted()
    session, wallet = ledger.create_session(), ledger.open_wallet()
    claim = ledger.claim_session(session, wallet)
    pay = envelope(ledger.pay(session, wallet, claim), key="late")
    log.advance(1000)

    answers = run(ledger, [pay, pay], metrics, settled=1)

    assert [type(one) for one in answers] == [SessionExpired, SessionExpired]
    assert len(refusals_of(ledger, session)) == 1
    assert metrics.outcomes == {"recorded": 1}


def test_limits_hold_over_processes_and_restarts() -> None:
    ledger, metrics = LedgerFixture(MemoryLog()), Counted()
    session, first, second = ledger.create_session(), ledger.open_wallet(), ledger.open_wallet()
    ledger.claim_session(session, first)

    for sent in range(1, 6):
        process = LedgerFixture(ledger.log, like=ledger)
        run(process, [ledger.scan(session, second)], metrics, settled=sent)

    assert len(refusals_of(ledger, session)) == 3
    assert metrics.outcomes == {"recorded": 3, "skipped": 2}


def test_more_than_may_wait_are_dropped_and_counted() -> None:
    ledger, metrics = LedgerFixture(MemoryLog()), Counted()
    recording = RefusalRecording(metrics, in_progress_max=2)
    scan = ledger.scan(UUID(int=1), UUID(int=2))
    answered: list[tuple[Envelope, Result]] = [(envelope(scan), CLAIMED) for _ in range(5)]

    recording.add(answered)
    recorded = recording.take()
    recording.add(answered)
    assert metrics.outcomes == {"dropped": 8}

    for _, finish in recorded:
        finish(Overloaded(reason="the database is away"))
    recording.add(answered)

    assert len(recorded) == 2
    assert len(recording.take()) == 2
    assert metrics.outcomes == {"dropped": 13}


def test_no_other_answer_is_recorded() -> None:
    ledger = LedgerFixture(MemoryLog())
    session, wallet = ledger.create_session(), ledger.open_wallet()
    scan = envelope(ledger.scan(session, wallet))
    expired = SessionExpired(session_id="ps_1", expires_at="then")
    cancelled = ledger.bus.send_all([envelope(ledger.cancel(session))])
    answered: list[tuple[Envelope, Result]] = [
        (scan, cancelled[0]),
        (scan, expired),
        (scan, Overloaded(reason="the queue is full")),
        (envelope(ledger.cancel(session)), CLAIMED),
    ]

    assert isinstance(cancelled[0], Outcome)
    recording = RefusalRecording()
    recording.add(answered)
    assert recording.take() == []


def test_a_stopping_writer_drops_refusals_and_counts_them() -> None:
    ledger, metrics = LedgerFixture(MemoryLog()), Counted()
    session, first, second = ledger.create_session(), ledger.open_wallet(), ledger.open_wallet()
    ledger.claim_session(session, first)
    answers: list[Result] = []
    writer = Writer(ledger.bus, metrics=metrics)
    for _ in range(2):
        writer.submit(envelope(ledger.scan(session, second)), answers.append)

    writer.stop()
    writer.start()
    writer.stop()

    assert len(answers) == 2
    assert metrics.outcomes == {"dropped": 2}
    assert refusals_of(ledger, session) == []
