"""Credits: what accounts have earned, and exactly up to which position it is counted."""

from __future__ import annotations

import pytest

from domain.accounting import chart
from domain.merchants.payout_terms import PayoutTerms
from domain.payouts.debits import Credits
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool
from projections._runner import Runner
from projections.balances import Balances
from tests.support.ledger_fixture import LedgerFixture
from tests.support.payout_steps import DESTINATION, LogCredits, earn, request_payout, set_terms
from tests.support.read_models import apply_all

pytestmark = pytest.mark.postgres


def test_credits_are_counted_up_to_their_position_and_no_further(
    postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    ledger = LedgerFixture(postgres_log)
    earn(ledger, 700)
    apply_all(Runner(Balances, pool.connection), postgres_log)
    position = postgres_log.head()
    earn(ledger, 300)
    model = Balances(postgres_log._pool.connection)
    account = chart.PAYABLE.of(ledger.merchant)

    lagging = model.credits(account, "USD")
    apply_all(Runner(Balances, pool.connection), postgres_log)
    current = model.credits(account, "USD")

    assert lagging == Credits(700, position)
    assert current == Credits(1000, postgres_log.head())


def test_debits_do_not_change_credits(postgres_log: PostgresLog, pool: ConnectionPool) -> None:
    ledger = LedgerFixture(postgres_log)
    earn(ledger, 700)
    set_terms(ledger, PayoutTerms(DESTINATION))
    request_payout(ledger, 650)
    apply_all(Runner(Balances, pool.connection), postgres_log)
    model = Balances(postgres_log._pool.connection)

    for account in (chart.PAYABLE.of(ledger.merchant), chart.BANK.of()):
        assert model.credits(account, "USD") == LogCredits(postgres_log).credits(account, "USD")
        assert model.credits(account, "USD").minor == 700
    assert model.credits(account, "EUR") == Credits(0, postgres_log.head())
