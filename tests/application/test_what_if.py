"""Recorded payments under another policy: nothing changes under the one in force."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from application.event_log import AppendRequest, fold, history
from application.what_if import FeeRule, Kind, Policy, Result, reprice
from domain import ids
from domain.accounting import chart
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.merchants.merchant import Merchant
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from tests.support.book_history import BookHistory, balances
from tests.support.memory_log import MemoryLog

PAYMENTS = 600
KEPT, PROPORTIONAL = FeeRefundPolicy.KEPT, FeeRefundPolicy.PROPORTIONAL


@pytest.fixture(scope="module")
def history_() -> BookHistory:
    generated = BookHistory(seed=11)
    generated.run(PAYMENTS)
    return generated


@pytest.fixture(scope="module")
def log(history_: BookHistory) -> MemoryLog:
    return history_.log


def whole(log: MemoryLog, policy: Policy) -> Result:
    return reprice(log, policy, first=1, end=log.head() + 1)


def plans(merchants: list[Merchant], log: MemoryLog) -> list[FeeRule]:
    rules = []
    for one in merchants:
        merchant: Any = fold(history(log, one.id))
        rules += [
            FeeRule(plan=plan, merchant_id=merchant.public_id, currency=currency)
            for currency, plan in merchant.plans.items()
        ]
    return rules


def test_a_policy_that_names_nothing_changes_nothing(log: MemoryLog) -> None:
    result = whole(log, Policy())

    assert (
        sum(line.payments for kind, line in result.lines.items() if kind.what == "fees") > PAYMENTS
    )
    assert {line.change_minor for line in result.lines.values()} == {0}
    assert result.position == log.head()


def test_the_plans_in_force_change_nothing(history_: BookHistory, log: MemoryLog) -> None:
    rules = plans(history_.merchants, log)
    assert {rule.plan.refund_policy for rule in rules} == {KEPT, PROPORTIONAL}

    result = whole(log, Policy(fees=rules))

    assert {line.change_minor for line in result.lines.values()} == {0}


def test_what_was_recorded_is_what_the_books_say(log: MemoryLog) -> None:
    recorded: Counter[tuple[str, str]] = Counter()
    for kind, line in whole(log, Policy()).lines.items():
        account = chart.FEES if kind.what == "fees" else chart.FX_SPREAD
        recorded[account.of(), kind.currency] += line.recorded_minor

    books = {
        key: -minor  # income has credit balances
        for key, minor in balances(log).items()
        if key[0] in {chart.FEES.of(), chart.FX_SPREAD.of()} and minor
    }
    assert {key: minor for key, minor in recorded.items() if minor} == books


class OneSession:
    """One paid session and its refunds, in a log in memory."""

    def __init__(self, fee: FeePlan, amount: int = 10_000) -> None:
        self.log = MemoryLog()
        self.merchant = ids.encode("mer", uuid7())
        self.session = PaymentSession.create(
            session_id=uuid7(), merchant_id=self.merchant, merchant_name="Cafe",
            order_id="1", amount=Money(amount, "USD"), at=self.log.clock,
            fee=fee.fee(Money(amount, "USD")),
        )  # fmt: skip
        wallet, claim = ids.encode("wal", uuid7()), ids.encode("clm", uuid7())
        self.session.scan(
            wallet_id=wallet, wallet_app_id="app", claim_id=claim, at=self.log.clock,
            lease_seconds=90,
        )  # fmt: skip
        self.session.pay(
            wallet_id=wallet, claim_id=claim, amount=Money(amount, "USD"), at=self.log.clock
        )
        self.paid_at = self._record()

    def refund(self, minor: int) -> None:
        self.session.refund(
            refund_id=ids.encode("ref", uuid7()), amount=Money(minor, "USD"), reason="",
            at=self.log.clock,
        )  # fmt: skip
        self._record()

    def _record(self) -> int:
        events = self.session.collect_events()
        self.log.append([AppendRequest(uuid7(), b"", events)])
        return self.log.head()

    def fees(self, policy: Policy, *, first: int = 1, end: int = 0) -> tuple[int, int] | None:
        result = reprice(self.log, policy, first=first, end=end or self.log.head() + 1)
        line = result.lines.get(Kind(self.merchant, "fees", "USD"))
        return (line.recorded_minor, line.repriced_minor) if line else None


def only(plan: FeePlan, **whose: str) -> Policy:
    return Policy(fees=[FeeRule(plan=plan, **whose)])


def test_another_plan_prices_the_payment_and_what_refunds_give_back() -> None:
    ledger = OneSession(FeePlan(100, 5))
    assert ledger.fees(only(FeePlan(250, 0))) == (105, 250)

    ledger.refund(3_333)
    ledger.refund(3_333)

    assert ledger.fees(only(FeePlan(250, 0))) == (105 - 69, 250 - 166)
    assert ledger.fees(only(FeePlan(250, 0, KEPT))) == (105 - 69, 250)
    ledger.refund(3_334)
    assert ledger.fees(only(FeePlan(250, 0))) == (0, 0)


def test_the_first_rule_that_applies_counts() -> None:
    ledger = OneSession(FeePlan(100))
    other = ids.encode("mer", uuid7())
    rules = [
        FeeRule(plan=FeePlan(1), merchant_id=other),
        FeeRule(plan=FeePlan(2), currency="EUR"),
        FeeRule(plan=FeePlan(3), merchant_id=ledger.merchant, currency="USD"),
        FeeRule(plan=FeePlan(4)),
    ]

    assert ledger.fees(Policy(fees=rules)) == (100, 3)
    assert ledger.fees(Policy(fees=rules[:2])) == (100, 100)


def test_a_range_has_its_payments_with_all_their_refunds() -> None:
    ledger = OneSession(FeePlan(100))
    ledger.refund(5_000)
    at = ledger.paid_at

    assert ledger.fees(only(FeePlan(200)), first=at, end=at + 1) == (50, 100)
    assert ledger.fees(only(FeePlan(200)), first=at + 1) is None
    assert ledger.fees(only(FeePlan(200)), end=at) is None


def test_the_spread_is_priced_on_what_was_converted(log: MemoryLog) -> None:
    result = whole(log, Policy(spread_basis_points=0))

    spreads = [line for kind, line in result.lines.items() if kind.what == "spread"]
    assert spreads
    assert {line.repriced_minor for line in spreads} == {0}
    assert any(line.recorded_minor > 0 for line in spreads)
    assert {line.change_minor for kind, line in result.lines.items() if kind.what == "fees"} == {0}
    more = whole(log, Policy(spread_basis_points=200)).lines
    assert all(
        more[k].repriced_minor > line.recorded_minor
        for k, line in result.lines.items()
        if k.what == "spread"
    )
