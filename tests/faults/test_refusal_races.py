"""Losers that race through two processes are recorded within the limits, each command once."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from application.bus import Bus
from application.checks.checker import check_log
from application.command import Result
from application.event_log import PAGE_EVENTS_MAX, Recorded
from application.writer import Writer
from domain.errors import LedgerError
from domain.sessions.refusals import SessionRefusals
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.application.test_refusals import Counted, wait_for
from tests.support.ledger_fixture import LedgerFixture, envelope

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
COMMANDS = 240


@pytest.fixture
def ledgers(database_url: str) -> Iterator[list[LedgerFixture]]:
    """The buses of two API processes on one ledger, with the same accounts."""
    logs = [
        PostgresLog(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=4)) for _ in range(2)
    ]
    first = LedgerFixture(logs[0])
    yield [first, LedgerFixture(logs[1], like=first)]
    for log in logs:
        log.close()


def test_wallets_that_race_for_a_session_are_recorded_within_the_limits(
    ledgers: list[LedgerFixture],
) -> None:
    session = ledgers[0].create_session()
    wallets = [ledgers[0].open_wallet() for _ in range(9)]
    claim = ledgers[0].claim_session(session, wallets[0])
    answers: list[Result] = []
    done, metrics = Event(), Counted()
    writers = [Writer(one.bus, Bus(one.log), metrics=metrics) for one in ledgers]

    def answered(result: Result) -> None:
        answers.append(result)
        if len(answers) == COMMANDS:
            done.set()

    for number in range(COMMANDS):
        ledger, wallet = ledgers[number % 2], wallets[number // 2 % 9]
        scan = ledger.scan(session, wallet)
        pay = ledger.pay(session, wallet, claim)
        # Half of the payments are sent through both processes under one key.
        sent = envelope(scan) if number % 3 else envelope(pay, key=f"pay {number // 12} {wallet}")
        writers[number % 2].submit(sent, answered)
    for writer in writers:
        writer.start()
    assert done.wait(60)
    refused = sum(isinstance(one, LedgerError) and not one.replayed for one in answers)
    wait_for(lambda: metrics.outcomes.total() == refused)
    for writer in writers:
        writer.stop()

    _check(ledgers[0], session, metrics)


def _check(ledger: LedgerFixture, session: UUID, metrics: Counted) -> None:
    log = ledger.log
    events: list[Recorded] = []
    while page := log.read(len(events), PAGE_EVENTS_MAX):
        events += page
    stream = SessionRefusals.stream_id(session)
    recorded: list[Any] = [one.event for one in events if one.stream_id == stream]
    assert len(recorded) == 20
    assert len({one.refused_command_id for one in recorded}) == 20
    assert metrics.outcomes["recorded"] == 20
    assert check_log(events)[1] == []
