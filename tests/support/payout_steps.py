"""Payouts on a log without HTTP: what accounts have earned, destinations, requests."""

from __future__ import annotations

from uuid import UUID

from application.command import Outcome
from application.commands.request_payout import RequestPayout
from application.commands.set_payout_terms import SetPayoutTerms
from application.event_log import EventLog
from domain.merchants.payout_terms import PayoutTerms
from domain.money.money import Money
from domain.payouts.debits import Credits
from projections._postings import lines
from tests.support.ledger_fixture import LedgerFixture

EVENTS_MAX = 100_000
DESTINATION = "bank account 1"


class LogCredits:
    """Counts credits from the log itself, up to its head or to a position."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.position: int | None = None
        """Count up to here, as a read model that lags does."""

    def credits(self, account: str, currency: str) -> Credits:
        """See `AccountCredits`."""
        head = self._log.head()
        position = head if self.position is None else min(self.position, head)
        earned = sum(
            line.earned_minor
            for line in lines([e for e in self._log.read(0, EVENTS_MAX) if e.position <= position])
            if (line.posting.account, line.posting.currency) == (account, currency)
        )
        return Credits(earned, position)


def set_terms(ledger: LedgerFixture, terms: PayoutTerms, currency: str = "USD") -> None:
    """Set the terms of the fixture's merchant."""
    command = SetPayoutTerms(merchant_id=ledger.merchant_id, currency=currency, terms=terms)
    ledger.send(command)


def earn(ledger: LedgerFixture, minor: int, currency: str = "USD") -> None:
    """Pay the fixture's merchant from a new wallet."""
    wallet, amount = ledger.open_wallet(minor, currency), Money(minor, currency)
    session = ledger.create_session(amount=amount)
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet), amount))


def request_payout(ledger: LedgerFixture, minor: int, currency: str = "USD") -> UUID:
    """Request a payout of the fixture's merchant; returns its id."""
    payout_id = ledger.new_id()
    outcome: Outcome = ledger.send(
        RequestPayout(
            payout_id=payout_id,
            merchant_id=ledger.merchant_id,
            amount=Money(minor, currency),
            credits=LogCredits(ledger.log).credits(f"merchant:{ledger.merchant}:payable", currency),
            credits_are_current=True,
        )
    )
    assert outcome.subject.amount.minor == minor
    return payout_id
