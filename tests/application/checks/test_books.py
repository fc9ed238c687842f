"""The books: every damage to what moves money is found, and named by its position."""

from __future__ import annotations

from typing import Any

import pytest

from application.checks.checker import check_log
from domain.accounting.rules import postings
from tests.support.books_fixture import steal
from tests.support.damaged_books import ledger_with_every_movement
from tests.support.damaged_logs import (
    Damage,
    Log,
    broken,
    changed,
    events,
    find,
    receipts,
    rewrite,
    twice,
    without,
)
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog


@pytest.fixture(scope="module")
def books() -> LedgerFixture:
    """A ledger in which everything that moves money has happened."""
    return ledger_with_every_movement()


def last(topic: str, **fields: Any) -> Damage:
    """Change values in the last event of a topic."""

    def change(log: Log) -> Log:
        index = len(log) - 1 - find(log[::-1], topic)
        log[index] = rewrite(log[index], **fields)
        return log

    return change


def several(topics: tuple[str, ...], **fields: Any) -> Damage:
    """Change the same values in the first event of each topic."""

    def change(log: Log) -> Log:
        for topic in topics:
            log = changed(topic, **fields)(log)
        return log

    return change


EXCHANGED = ("wallet.captured", "payment_session.paid")


def test_undamaged_books_break_no_invariant(books: LedgerFixture) -> None:
    assert check_log(events(books), receipts(books))[1] == []


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        # Amounts, one at a time.
        (changed("payment_session.paid", amount_minor=10_001), "money-conserved"),
        (changed("payment_session.paid", payer_amount_minor=9_999), "money-conserved"),
        (changed("payment_session.paid", payer_amount_minor=9_999), "books-balance"),
        (changed("payment_session.paid", payer_currency="EUR"), "money-conserved"),
        (changed("payment_session.paid", fee_minor=1), "fees-by-plan"),
        (changed("payment_session.created", fee_minor=1), "fees-by-plan"),
        (changed("payment_session.created", fee_refund_policy="kept"), "fees-by-plan"),
        (changed("merchant.plan_changed", basis_points=291), "fees-by-plan"),
        (without("merchant.plan_changed"), "fees-by-plan"),
        (changed("wallet.topped_up", amount_minor=1), "never-negative"),
        (last("payment_session.paid", wallet_id="wal_01h455vb4pex5vsknk084sn02q"), "never-negative"),
        (last("payment_session.paid", merchant_id="mer_01h455vb4pex5vsknk084sn02q"),
         "refunds-within-paid"),
        # Both sides changed alike, so that only the rule notices.
        (several(EXCHANGED, amount_minor=9_000, payer_amount_minor=9_000), "money-conserved"),
        # Refunds.
        (changed("refund.succeeded", amount_minor=10_001), "refunds-within-paid"),
        (changed("refund.succeeded", amount_minor=0), "refunds-within-paid"),
        (changed("refund.succeeded", credited_minor=3_334), "refund-shares"),
        (changed("refund.succeeded", credited_minor=3_334), "money-conserved"),
        (changed("refund.succeeded", fee_returned_minor=107), "refund-shares"),
        (changed("refund.succeeded", spread_returned_minor=1), "refund-shares"),
        (changed("refund.succeeded", refunded_minor=1), "refund-shares"),
        (changed("refund.succeeded", payer_currency="EUR"), "refunds-within-paid"),
        (last("refund.succeeded", fee_returned_minor=1), "refund-shares"),  # its fee is kept
        (without("refund.requested"), "refund-shares"),
        (changed("refund.requested", amount_minor=99), "refund-shares"),
        (changed("refund.failed", amount_minor=99), "refund-shares"),
        (twice("refund.succeeded"), "refunds-within-paid"),
        (twice("refund.failed"), "refund-shares"),
        (without("payment_session.paid"), "refunds-within-paid"),
        (without("wallet.credited"), "money-conserved"),
        (twice("wallet.credited"), "money-conserved"),
        (changed("wallet.credited", amount_minor=3_332), "money-conserved"),
        # Debits and their credits.
        (without("payable.debited"), "money-conserved"),
        (twice("payable.debited"), "debits-within-credits"),
        (changed("payable.debited", amount_minor=1), "money-conserved"),
        (changed("payable.debited", credits_minor=1), "debits-within-credits"),
        (changed("payable.debited", credits_minor=11_591), "credits-counted"),
        (changed("payable.debited", credits_position=14), "credits-counted"),
        (changed("payable.debited", credits_position=64), "credits-counted"),
        (changed("payable.opened", currency="EUR"), "credits-counted"),
        (without("payable.opened"), "credits-counted"),
        (without("payable.restored"), "one-restore-per-debit"),
        (twice("payable.restored"), "one-restore-per-debit"),
        (changed("payable.restored", amount_minor=98), "one-restore-per-debit"),
        (last("payable.restored", subject_id="pay_01h455vb4pex5vsknk084sn02q"),
         "one-restore-per-debit"),
        # Quotes.
        (changed("fx_quote.given", rate="0.0067"), "quotes-recomputed"),
        (changed("fx_quote.given", rate="0"), "quotes-recomputed"),
        (changed("fx_quote.given", rate="6e-3"), "quotes-recomputed"),
        (changed("fx_quote.given", from_minor=3_015), "quotes-recomputed"),
        (changed("fx_quote.given", spread_minor=-1), "quotes-recomputed"),
        (changed("fx_quote.given", spread_basis_points=124), "quotes-recomputed"),
        (changed("fx_quote.given", spread_basis_points=1_001), "quotes-recomputed"),
        (changed("fx_quote.given", to_minor=1_999), "quotes-recomputed"),
        (changed("fx_quote.given", from_currency="EUR"), "quotes-recomputed"),
        (changed("fx_quote.given", expires_at="2027-01-01T00:00:00.000000Z"), "quotes-recomputed"),
        (changed("fx_quote.given", expires_at="2026-01-01T00:00:00.000000Z"), "one-use-per-quote"),
        (changed("fx_quote.opened", wallet_id="wal_01h455vb4pex5vsknk084sn02q"),
         "quotes-recomputed"),
        (twice("fx_quote.given"), "quotes-recomputed"),
        (twice("fx_quote.used"), "one-use-per-quote"),
        (without("fx_quote.used"), "one-use-per-quote"),
        (without("fx_quote.given"), "one-use-per-quote"),
        (changed("fx_quote.used", quote_id="quo_01h455vb4pex5vsknk084sn02q"), "one-use-per-quote"),
        # Payouts and the bank.
        (twice("payout.requested"), "legal-payouts"),
        (without("payout.requested"), "legal-payouts"),
        (without("payout.sent"), "legal-payouts"),
        (without("payout.settled"), "legal-payouts"),
        (twice("payout.settled"), "never-negative"),
        (twice("payout.returned"), "legal-payouts"),
        (twice("payout.returned"), "one-restore-per-debit"),
        (changed("payout.settled", amount_minor=501), "legal-payouts"),
        (changed("payout.returned", after_settlement=False), "never-negative"),
        (last("payout.returned", after_settlement=True), "legal-payouts"),
        (changed("treasury.payout_funded", credits_minor=1), "credits-counted"),
        (changed("treasury.payout_funded", amount_minor=50_001), "debits-within-credits"),
        (twice("treasury.payout_returned"), "one-restore-per-debit"),
        (without("treasury.payout_returned"), "legal-payouts"),
        (without("payout.funded"), "legal-payouts"),
        (twice("payout.funded"), "legal-payouts"),
        (changed("payout.funded", amount_minor=499), "legal-payouts"),
        (changed("payout.funded", destination="elsewhere"), "legal-payouts"),
        (without("treasury.payout_funded"), "one-restore-per-debit"),
    ],
)  # fmt: skip
def test_damaged_books_are_reported(books: LedgerFixture, damage: Damage, invariant: str) -> None:
    found = broken(damage(events(books)))

    assert invariant in found


def test_a_violation_of_the_books_names_its_position(books: LedgerFixture) -> None:
    log = events(books)
    position = find(log, "refund.succeeded") + 1

    violations = check_log(changed("refund.succeeded", credited_minor=1)(log))[1]

    assert ("refund-shares", position) in {(one.invariant, one.position) for one in violations}


def test_money_that_leaves_the_bank_and_was_never_there_is_reported() -> None:
    ledger = LedgerFixture(MemoryLog())
    settled = ledger.send(steal(ledger.merchant, 500)).position

    violations = check_log(events(ledger))[1]

    assert "bank:safeguarded is -500 USD" in [
        one.text
        for one in violations
        if (one.invariant, one.position) == ("never-negative", settled)
    ]


def test_an_entry_of_the_rules_that_differs_from_the_books_is_reported(
    books: LedgerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(event: Any) -> Any:
        lines = [line._replace(account="fees") for line in postings(event)]
        return lines if type(event).TOPIC == "payment_session.paid" else postings(event)

    monkeypatch.setattr("application.checks.books.postings", wrong)

    assert broken(events(books)) == {"postings-agree"}
