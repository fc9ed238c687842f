"""How responses present refunds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from api.http.fields import RefundId, SessionId, Time
from api.views.money import MoneyView, money_view
from domain import times
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import Refund


class RefundView(Struct, frozen=True, kw_only=True):
    """A refund of a session's payment."""

    object: Literal["refund"] = "refund"
    id: RefundId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    session_id: SessionId
    order_id: str
    status: Literal["pending", "succeeded", "failed"]
    amount: MoneyView
    credited: MoneyView
    """What the payer gets back, in the payer's currency."""
    fee_returned: MoneyView
    reason: str
    created_at: Time
    position: int


def refund_view(
    session: PaymentSession, refund: Refund, position: int, *, livemode: bool
) -> RefundView:
    """A refund, for the merchant and for auditors."""
    currency = session.amount.currency
    return RefundView(
        id=refund.id,
        livemode=livemode,
        session_id=session.public_id,
        order_id=session.order_id,
        status=refund.status.value,
        amount=money_view(Money(refund.amount_minor, currency)),
        credited=money_view(Money(refund.credited.minor, refund.credited.currency)),
        fee_returned=money_view(Money(refund.fee_returned_minor, currency)),
        reason=refund.reason,
        created_at=times.to_text(refund.created_at),
        position=position,
    )
