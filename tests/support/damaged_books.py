"""A ledger in which everything that moves money has happened, for tests that damage it."""

from __future__ import annotations

from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.money.money import Money
from tests.support.books_fixture import BooksFixture
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog


def ledger_with_every_movement() -> LedgerFixture:
    """Payments with fees, in two currencies; refunds of each end; payouts of each end."""
    log = MemoryLog()
    ledger = LedgerFixture(log)
    books = BooksFixture(ledger)
    ledger.send(books.set_plan("USD", FeePlan(basis_points=290, fixed_minor=30)))
    ledger.send(books.set_payouts("USD"))
    dollars, yen = ledger.open_wallet(50_000), ledger.open_wallet(900_000, "JPY")
    paid = books.paid_session(dollars, Money(10_000, "USD"))
    log.advance(1)
    exchanged = books.paid_session(yen, Money(2_000, "USD"))
    ledger.send(books.refund(paid, Money(3_333, "USD")))
    ledger.send(books.refund(exchanged, Money(999, "USD")))
    failing = ledger.send(books.begin_refund(paid, Money(100, "USD"))).subject
    ledger.send(books.end_refund(paid, list(failing.refunds)[-1], succeeds=False))
    pending = ledger.send(books.begin_refund(paid, Money(200, "USD"))).subject
    ledger.send(books.end_refund(paid, list(pending.refunds)[-1], succeeds=True))
    for steps in (
        ["fund", "send", "settle", "return"], ["fund", "send", "settle"], ["return"], [],
        ["fund", "return"],
    ):  # fmt: skip
        payout = ledger.send(books.payout(Money(500, "USD"))).subject
        for step in steps:
            ledger.send(books.step_payout(payout.id, "USD", step))
    ledger.send(books.set_plan("USD", FeePlan(fixed_minor=10, refund_policy=FeeRefundPolicy.KEPT)))
    log.advance(1)
    kept = books.paid_session(dollars, Money(1_000, "USD"))
    ledger.send(books.refund(kept, Money(500, "USD")))
    return ledger
