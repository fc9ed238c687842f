"""Races around exchange quotes: one payment, one quote used, whatever runs at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import partial
from threading import Event
from uuid import UUID

import pytest

from application.command import Result
from application.commands.make_fx_quote import MakeFxQuote
from application.commands.pay_session import PaySession
from application.ports.rates import Rate
from application.writer import Writer
from domain import ids
from domain.errors import LedgerError
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.interfering_log import InterferingLog
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.postgres import rows

pytestmark = pytest.mark.faults
RATE = Rate("1.0842", "ecb", date(2026, 5, 1))


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


def quote(ledger: LedgerFixture, session: UUID, wallet: UUID, spread: int = 50) -> str:
    quote_id = ledger.new_id()
    make = MakeFxQuote(
        quote_id=quote_id,
        wallet_id=wallet,
        wallet_app_id=ledger.app,
        session_id=session,
        rate=RATE,
        rate_days_max=None,
        spread_basis_points=spread,
    )
    ledger.send(make)
    return ids.encode("quo", quote_id)


def pay(
    ledger: LedgerFixture, session: UUID, wallet: UUID, claim: str, quote_id: str
) -> PaySession:
    plain = ledger.pay(session, wallet, claim)
    return PaySession(
        session_id=plain.session_id,
        wallet_id=plain.wallet_id,
        wallet_app_id=plain.wallet_app_id,
        claim_id=plain.claim_id,
        amount=plain.amount,
        quote_id=quote_id,
    )


@pytest.mark.postgres
def test_two_hundred_payments_by_two_quotes_use_one_of_them_once(
    ledgers: list[LedgerFixture], database_url: str
) -> None:
    first = ledgers[0]
    wallet, session = first.open_wallet(50_000, "EUR"), first.create_session()
    claim = first.claim_session(session, wallet)
    quotes = [quote(first, session, wallet), quote(first, session, wallet, spread=0)]
    writers = [Writer(ledger.bus) for ledger in ledgers]
    results: list[Result] = []
    done = Event()

    def answered(_: int, result: Result) -> None:
        results.append(result)
        if len(results) == 200:
            done.set()

    for number in range(200):
        command = pay(first, session, wallet, claim, quotes[number // 2 % 2])
        writers[number % 2].submit(
            envelope(command, key=f"key {number}"), partial(answered, number)
        )
    for writer in writers:
        writer.start()
    assert done.wait(60)
    for writer in writers:
        writer.stop()

    codes = Counter(one.code if isinstance(one, LedgerError) else "ok" for one in results)
    assert codes == {"ok": 200}  # the winner and its own repetitions are one payment
    counts = "select topic, count(*) from ledger.events where topic = any(%s) group by 1 order by 1"
    topics = ["fx_quote.used", "payment_session.paid", "wallet.captured"]
    assert rows(database_url, counts, topics) == [(topic, 1) for topic in topics]
    payment = first.session(session).payment
    assert payment is not None
    assert payment.payer_amount.minor == {quotes[0]: 928, quotes[1]: 923}[payment.quote_id or ""]
    assert first.wallet(wallet).available_minor == 50_000 - payment.payer_amount.minor


def test_a_payment_that_is_decided_before_the_quotes_end_is_not_recorded_after_it() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    wallet, session = ledger.open_wallet(50_000, "EUR"), ledger.create_session()
    claim = ledger.claim_session(session, wallet)
    quote_id = quote(ledger, session, wallet)
    log.advance(59)
    log.before_append = lambda: log.advance(1)

    assert ledger.try_send(pay(ledger, session, wallet, claim, quote_id)) == "quote-expired"

    assert ledger.session(session).payment is None
    assert ledger.wallet(wallet).available_minor == 50_000
