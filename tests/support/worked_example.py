"""The worked example of the books: a payment in another currency, refunded in part and paid out.

Made by the aggregates themselves, so `docs/explanation/books.md` shows what the ledger does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from domain import ids
from domain.accounting import chart
from domain.accounting.posting import Posting
from domain.accounting.rules import postings
from domain.merchants.fee_plan import FeePlan
from domain.money.currencies import CURRENCIES
from domain.money.fx import convert
from domain.money.money import Money
from domain.payouts.debits import Credits
from domain.payouts.payout import Payout
from domain.sessions.payment_session import PaymentSession
from domain.treasury.treasury import MoveKind, Treasury
from domain.wallets.wallet import Wallet

AT: Final = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
ID: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
MERCHANT: Final = ids.encode("mer", ID)
OWNERS: Final = {MERCHANT: "cafe", ids.encode("wal", ID): "ana"}
"""Names in place of ids, for readers."""
PRICE: Final = Money(10_842, "USD")
REFUND: Final = Money(5_421, "USD")
PLAN: Final = FeePlan(basis_points=75, fixed_minor=30)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of the example, and what it posts."""

    title: str
    topic: str
    postings: tuple[Posting, ...]


def example() -> list[Entry]:
    """The example from the top-up to the closed currency position."""
    return [Entry(title, type(event).TOPIC, postings(event)) for title, event in _events()]


def balances(entries: list[Entry]) -> dict[str, dict[str, int]]:
    """The balance of every account, by currency, on its normal side, in minor units."""
    sums: dict[str, dict[str, int]] = {}
    for entry in entries:
        for posting in entry.postings:
            kind = chart.parse(posting.account)[0].kind
            sign = 1 if posting.side is kind.normal_side else -1
            accounts = sums.setdefault(posting.currency, {})
            accounts[posting.account] = accounts.get(posting.account, 0) + sign * posting.minor
    return sums


def _events() -> Iterator[tuple[str, Any]]:
    wallet = Wallet.open(wallet_id=ID, wallet_app_id="app", currency=CURRENCIES["EUR"], at=AT)
    wallet.top_up(amount=Money(20_000, "EUR"), reference="transfer 1", at=AT)
    yield "Ana tops up her wallet in euro", wallet.pending_events[-1]
    dollars, euros = (Treasury.open(currency=code, at=AT) for code in ("USD", "EUR"))
    own = Money(15_000, "USD")
    _move(dollars, MoveKind.OWN_FUNDS, own, incoming=True)
    yield "The house puts dollars of its own into the bank", dollars.pending_events[-1]
    session = _paid_session(wallet)
    yield "Ana pays 108.42 dollars in euro", session.pending_events[-1]
    refund = session.refund(refund_id="ref_1", amount=REFUND, reason="one cake less", at=AT)
    yield "The cafe refunds half of it", session.pending_events[-1]
    rest = PRICE.minor - session.fee_minor - refund.debit_minor
    payout = Payout.request(
        payout_id=ID, merchant_id=MERCHANT, amount=Money(rest, "USD"), destination="main", at=AT
    )
    yield "The cafe asks for the rest", payout.pending_events[-1]
    payout.fund(at=AT)
    payout.send(bank_reference="1", at=AT)
    payout.settle(at=AT)
    yield "The bank has paid it out", payout.pending_events[-1]
    _move(euros, MoveKind.FX_SETTLEMENT, Money(5_000, "EUR"), incoming=False)
    yield "The house sells the euro of the open position", euros.pending_events[-1]
    _move(dollars, MoveKind.FX_SETTLEMENT, REFUND, incoming=True)
    yield "and receives dollars for them", dollars.pending_events[-1]


def _paid_session(wallet: Wallet) -> PaymentSession:
    session = PaymentSession.create(
        session_id=ID,
        merchant_id=MERCHANT,
        merchant_name="Corner Cafe",
        order_id="SN1",
        amount=PRICE,
        fee=PLAN.fee(PRICE),
        at=AT,
    )
    session.scan(
        wallet_id=wallet.public_id, wallet_app_id="app", claim_id="c", at=AT, lease_seconds=90
    )
    conversion = convert(PRICE, payer_currency="EUR", rate="1.0842", spread_basis_points=100)
    session.pay(
        wallet_id=wallet.public_id, claim_id="c", amount=PRICE, at=AT, conversion=conversion
    )
    return session


def _move(treasury: Treasury, kind: MoveKind, amount: Money, *, incoming: bool) -> None:
    topped_up = Credits(minor=20_000, position=1)
    treasury.move(kind, amount, incoming=incoming, reference="1", credits=topped_up, at=AT)
