"""Concurrent scans of printed codes: one open session per code and wallet, whatever the key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from threading import Event
from uuid import UUID

import pytest

from application.command import Command, Outcome, Result
from application.writer import Writer
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN, Status
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.postgres import rows
from tests.support.static_codes import CodesFixture

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
CREATED = "select originator_id from ledger.events where topic = 'payment_session.created'"


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


def race(ledgers: Sequence[LedgerFixture], commands: Sequence[Command]) -> list[Result]:
    """Send commands at once through the writers of two processes, each under its own key."""
    results: list[Result] = []
    done = Event()
    writers = [Writer(ledger.bus) for ledger in ledgers]

    def answered(result: Result) -> None:
        results.append(result)
        if len(results) == len(commands):
            done.set()

    for number, command in enumerate(commands):
        writers[number % 2].submit(envelope(command, key=f"key {number}"), partial(answered))
    for writer in writers:
        writer.start()
    assert done.wait(60)
    for writer in writers:
        writer.stop()
    return results


def sessions(ledger: LedgerFixture, url: str) -> list[PaymentSession]:
    return [ledger.session(UUID(str(stream))) for (stream,) in rows(url, CREATED)]


def codes_of(results: Sequence[Result]) -> Counter[str]:
    return Counter("ok" if isinstance(one, Outcome) else one.code for one in results)


def test_two_hundred_scans_of_one_code_by_one_wallet_are_one_session(
    ledgers: list[LedgerFixture], database_url: str
) -> None:
    codes, wallet = CodesFixture(ledgers[0]), ledgers[0].open_wallet(5000)
    code = codes.issue()

    results = race(ledgers, [codes.scan(code, wallet, 700) for _ in range(200)])

    assert codes_of(results) == {"ok": 200}
    [session] = sessions(ledgers[0], database_url)
    outcomes = [one for one in results if isinstance(one, Outcome)]
    assert {one.subject.id for one in outcomes} == {session.id}
    assert {one.subject.claim.id for one in outcomes} == {session.claim.id if session.claim else ""}


def test_scans_of_different_amounts_leave_one_session_open(
    ledgers: list[LedgerFixture], database_url: str
) -> None:
    codes, wallet = CodesFixture(ledgers[0]), ledgers[0].open_wallet(5000)
    code = codes.issue()

    results = race(ledgers, [codes.scan(code, wallet, 700 + n % 3) for n in range(200)])

    assert codes_of(results) == {"ok": 200}
    statuses = Counter(session.status for session in sessions(ledgers[0], database_url))
    assert statuses[Status.SCANNED] == 1
    assert statuses.keys() <= {Status.SCANNED, Status.CANCELLED}


def test_each_wallet_has_a_session_of_its_own(
    ledgers: list[LedgerFixture], database_url: str
) -> None:
    codes = CodesFixture(ledgers[0])
    code, wallets = codes.issue(), [ledgers[0].open_wallet(5000) for _ in range(5)]

    results = race(ledgers, [codes.scan(code, wallets[n // 2 % 5], 700) for n in range(100)])

    assert codes_of(results) == {"ok": 100}
    opened = sessions(ledgers[0], database_url)
    assert len(opened) == 5
    assert len({session.claim.wallet_id for session in opened if session.claim}) == 5


def test_payments_and_scans_at_once_pay_each_session_once(
    ledgers: list[LedgerFixture], database_url: str
) -> None:
    codes, wallet = CodesFixture(ledgers[0]), ledgers[0].open_wallet(100_000)
    code = codes.issue()
    open_now = ledgers[0].send(codes.scan(code, wallet, 700)).subject
    pay = ledgers[0].pay(open_now.id, wallet, open_now.claim.id, open_now.amount)

    results = race(
        ledgers, [pay if n % 4 == 0 else codes.scan(code, wallet, 701) for n in range(80)]
    )

    assert codes_of(results).keys() <= {"ok", "session-not-payable"}
    every = sessions(ledgers[0], database_url)
    paid = [session for session in every if session.status is Status.PAID]
    assert len(paid) <= 1
    assert sum(session.status in OPEN for session in every) == 1
    assert ledgers[0].wallet(wallet).available_minor == 100_000 - 700 * len(paid)


def test_no_scan_that_begins_after_the_revocation_opens_a_session(
    ledgers: list[LedgerFixture], database_url: str
) -> None:
    codes = CodesFixture(ledgers[0])
    code, wallets = codes.issue(), [ledgers[0].open_wallet(0) for _ in range(30)]
    commands: list[Command] = [codes.scan(code, wallet, 700) for wallet in wallets]

    results = race(ledgers, [*commands[:15], codes.revoke(code), *commands[15:]])
    after = ledgers[1].try_send(codes.scan(code, ledgers[0].open_wallet(0), 700))

    assert after == "invalid-qr"
    assert codes_of(results).keys() <= {"ok", "invalid-qr"}
    assert len(sessions(ledgers[0], database_url)) == codes_of(results)["ok"] - 1
