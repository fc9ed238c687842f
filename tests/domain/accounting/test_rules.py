"""Which event posts what: the table of rules, and properties of every entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import ids
from domain.accounting import chart
from domain.accounting.posting import Posting, UnbalancedEntry, credit, debit, entry
from domain.accounting.rules import POSTS_NOTHING, RULES, postings
from domain.errors import InvalidRequest
from domain.merchants.fee_plan import Fee, FeePlan, FeeRefundPolicy
from domain.money.fx import convert
from domain.money.money import Amount, Money
from domain.payouts.payout import Payout
from domain.sessions.errors import RefundExceedsPaid
from domain.sessions.payment_session import PaymentSession
from domain.treasury.treasury import MoveKind
from infrastructure.event_store.registry import EVENTS
from tests.support.golden import EVENTS as GOLDEN_EVENTS

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SESSION = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
MERCHANT, WALLET = ids.encode("mer", SESSION), ids.encode("wal", SESSION)
PAYABLE, AVAILABLE = f"merchant:{MERCHANT}:payable", f"wallet:{WALLET}:available"
USD = Amount(5, "USD", 2)


def paid_session(
    amount: Money,
    *,
    fee: Fee | None = None,
    rate: str | None = None,
    payer_currency: str = "EUR",
    spread_basis_points: int = 0,
) -> PaymentSession:
    """A session that a wallet has paid, in another currency if there is a rate."""
    session = PaymentSession.create(
        session_id=SESSION,
        merchant_id=MERCHANT,
        merchant_name="Cafe",
        order_id="1",
        amount=amount,
        at=NOW,
        fee=fee or FeePlan().fee(amount),
    )
    session.scan(wallet_id=WALLET, wallet_app_id="app_1", claim_id="c1", at=NOW, lease_seconds=90)
    conversion = rate and convert(
        amount, payer_currency=payer_currency, rate=rate, spread_basis_points=spread_basis_points
    )
    session.pay(
        wallet_id=WALLET, claim_id="c1", amount=amount, at=NOW, conversion=conversion or None
    )
    return session


def signed(lines: tuple[Posting, ...]) -> Counter[tuple[str, str]]:
    """Debits minus credits by account and currency."""
    sums: Counter[tuple[str, str]] = Counter()
    for posting in lines:
        sums[posting.account, posting.currency] += posting.signed_minor
    return sums


def shown(event: Any) -> list[str]:
    return [f"{p.side} {p.account} {p.minor} {p.currency}" for p in postings(event)]


def test_every_event_has_a_rule_or_is_declared_to_post_nothing() -> None:
    kinds = set(EVENTS.values())

    assert RULES.keys() | POSTS_NOTHING.keys() == kinds
    assert not RULES.keys() & POSTS_NOTHING.keys()
    assert all(POSTS_NOTHING.values())


@pytest.mark.parametrize("event", GOLDEN_EVENTS, ids=lambda event: type(event).TOPIC)
def test_every_event_posts_a_balanced_entry_to_accounts_of_the_chart(event: Any) -> None:
    lines = postings(event)

    assert bool(lines) is (type(event) in RULES)
    for posting in lines:
        assert chart.parse(posting.account)
        assert posting.minor > 0


def test_an_event_in_neither_table_is_refused() -> None:
    class Unknown:
        TOPIC = "payment_session.disputed"

    with pytest.raises(KeyError, match="disputed"):
        postings(Unknown())


def test_a_payment_credits_the_merchant_and_charges_its_fee() -> None:
    fee = FeePlan(basis_points=75, fixed_minor=30).fee(Money(10_000, "USD"))

    session = paid_session(Money(10_000, "USD"), fee=fee)

    assert shown(session.pending_events[-1]) == [
        f"debit {AVAILABLE} 10000 USD",
        f"credit {PAYABLE} 10000 USD",
        f"debit {PAYABLE} 105 USD",
        "credit fees 105 USD",
    ]


def test_a_payment_in_another_currency_crosses_the_clearing_account() -> None:
    session = paid_session(Money(10_842, "USD"), rate="1.0842", spread_basis_points=100)

    assert shown(session.pending_events[-1]) == [
        f"debit {AVAILABLE} 10100 EUR",
        "credit fx:clearing 10000 EUR",
        "debit fx:clearing 10842 USD",
        "credit fx_spread 100 EUR",
        f"credit {PAYABLE} 10842 USD",
    ]


def test_a_refund_reverses_the_payment_in_proportion() -> None:
    session = paid_session(
        Money(10_842, "USD"),
        fee=Fee(100, FeeRefundPolicy.PROPORTIONAL),
        rate="1.0842",
        spread_basis_points=100,
    )

    session.refund(refund_id="ref_1", amount=Money(5_421, "USD"), reason="", at=NOW)

    assert shown(session.pending_events[-1]) == [
        f"debit {PAYABLE} 5371 USD",
        "debit fees 50 USD",
        "credit fx:clearing 5421 USD",
        "debit fx:clearing 5000 EUR",
        "debit fx_spread 50 EUR",
        f"credit {AVAILABLE} 5050 EUR",
    ]


def test_a_payout_moves_from_payable_through_in_transit_to_the_bank_and_back() -> None:
    payout = Payout.request(
        payout_id=SESSION,
        merchant_id=MERCHANT,
        amount=Money(500, "USD"),
        destination="account 1",
        at=NOW,
    )
    payout.fund(at=NOW)
    payout.send(bank_reference="B", at=NOW)
    payout.settle(at=NOW)
    payout.give_back(reason="closed", at=NOW)

    in_transit = f"merchant:{MERCHANT}:in_transit"
    assert [shown(event) for event in payout.pending_events] == [
        [f"debit {PAYABLE} 500 USD", f"credit {in_transit} 500 USD"],
        [],
        [],
        [f"debit {in_transit} 500 USD", "credit bank:safeguarded 500 USD"],
        ["debit bank:safeguarded 500 USD", f"credit {PAYABLE} 500 USD"],
    ]


def test_a_payout_returned_before_it_settled_never_touches_the_bank() -> None:
    payout = Payout.request(
        payout_id=SESSION,
        merchant_id=MERCHANT,
        amount=Money(500, "USD"),
        destination="account 1",
        at=NOW,
    )

    assert payout.give_back(reason="refused", at=NOW)
    assert not payout.give_back(reason="refused", at=NOW)

    in_transit = f"merchant:{MERCHANT}:in_transit"
    assert shown(payout.pending_events[-1]) == [
        f"debit {in_transit} 500 USD",
        f"credit {PAYABLE} 500 USD",
    ]


def test_zero_postings_are_left_out_and_an_unbalanced_entry_is_an_error() -> None:
    zero = USD._replace(minor=0)

    assert entry([debit("fees", zero), credit("fees", zero)]) == ()
    with pytest.raises(UnbalancedEntry):
        entry([debit("fees", USD)])
    with pytest.raises(UnbalancedEntry):
        entry([debit("fees", USD), credit("fees", USD._replace(currency="EUR"))])
    with pytest.raises(UnbalancedEntry):
        entry([debit("fees", USD._replace(minor=-1)), credit("fees", USD._replace(minor=-1))])


@pytest.mark.parametrize(
    "text",
    [
        "", "bank", "merchant:*:payable", "merchant::payable", f"merchant:{WALLET}:payable",
        f"merchant:{MERCHANT}:available", f"wallet:{MERCHANT}:held", "processor::receivable",
        "processor:Str:receivable", "fees:x", f"merchant:{MERCHANT}:payable:x", "x" * 81,
    ],
)  # fmt: skip
def test_what_is_not_an_account_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        chart.parse(text)


def test_moves_of_the_treasury_are_the_houses_or_close_a_position() -> None:
    assert {kind.value for kind in MoveKind} == {"own_funds", "fx_settlement", "fees"}


CURRENCIES = st.sampled_from(["JPY", "USD", "KWD", "CLF"])


@st.composite
def histories(draw: st.DrawFn) -> tuple[PaymentSession, list[int]]:
    """A paid session and the amounts of its refunds, which together are the whole payment."""
    minor = draw(st.integers(1, 10**7))
    amount = Money(minor, draw(CURRENCIES))
    plan = FeePlan(
        basis_points=draw(st.integers(0, 10_000)),
        fixed_minor=draw(st.integers(0, 500)),
        refund_policy=draw(st.sampled_from(FeeRefundPolicy)),
    )
    payer_currency = draw(CURRENCIES)
    rate = None
    if payer_currency != amount.currency:
        whole, decimals = divmod(draw(st.integers(1, 10**9)), 10**5)
        rate = f"{whole}.{decimals:05}"
    session = paid_session(
        amount,
        fee=plan.fee(amount),
        rate=rate,
        payer_currency=payer_currency,
        spread_basis_points=draw(st.integers(0, 1000)),
    )
    cuts = sorted(draw(st.sets(st.integers(1, minor - 1), max_size=8))) if minor > 1 else []
    bounds = [0, *cuts, minor]
    return session, [after - before for before, after in pairwise(bounds)]


@settings(deadline=timedelta(seconds=2))
@given(histories())
def test_refunds_of_the_whole_payment_return_it_to_the_last_unit(
    history: tuple[PaymentSession, list[int]],
) -> None:
    session, parts = history
    paid = signed(postings(session.pending_events[-1]))

    for number, part in enumerate(parts):
        amount = Money(part, session.amount.currency)
        session.refund(refund_id=f"ref_{number}", amount=amount, reason="", at=NOW)

    total: Counter[tuple[str, str]] = Counter()
    for event in _refunds(session):
        total.update(signed(postings(event)))
    fee = session.fee_minor if session.fee_refund_policy is FeeRefundPolicy.KEPT else 0
    kept = Counter(
        {(PAYABLE, session.amount.currency): fee, ("fees", session.amount.currency): -fee}
    )
    for account in paid.keys() | total.keys():
        assert paid[account] + total[account] == kept[account], account
    with pytest.raises(RefundExceedsPaid):
        session.refund(refund_id="x", amount=Money(1, session.amount.currency), reason="", at=NOW)


def _refunds(session: PaymentSession) -> Iterator[Any]:
    return (e for e in session.pending_events if isinstance(e, PaymentSession.RefundSucceeded))
