"""How responses present payouts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from api.http.fields import MerchantId, PayoutId, Time
from api.views.money import MoneyView, money_view
from domain import times
from domain.money.money import Money

PayoutStatusName = Literal["requested", "sent", "settled", "returned"]


class PayoutView(Struct, frozen=True, kw_only=True):
    """A payout to a merchant."""

    object: Literal["payout"] = "payout"
    id: PayoutId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    merchant_id: MerchantId
    status: PayoutStatusName
    amount: MoneyView
    destination: str
    """The operator's reference of the bank account."""
    reason: str | None
    """Why it was returned; null otherwise."""
    bank_reference: str | None
    """The bank's name of the transfer; null until the bank has accepted it."""
    created_at: Time
    position: int


class ShownPayout(Protocol):
    """What a response needs to know of a payout; the aggregate and a row of the list have it."""

    @property
    def public_id(self) -> str: ...  # noqa: D102
    @property
    def merchant_id(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def amount(self) -> Money: ...  # noqa: D102
    @property
    def destination(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def bank_reference(self) -> str: ...  # noqa: D102
    @property
    def created_on(self) -> datetime: ...  # noqa: D102


def payout_view(payout: ShownPayout, position: int, *, livemode: bool) -> PayoutView:
    """A payout, for its merchant, auditors and the operator."""
    return PayoutView(
        id=payout.public_id,
        livemode=livemode,
        merchant_id=payout.merchant_id,
        status=str(payout.status),  # type: ignore[arg-type]
        amount=money_view(payout.amount),
        destination=payout.destination,
        reason=payout.reason or None,
        bank_reference=payout.bank_reference or None,
        created_at=times.to_text(payout.created_on),
        position=position,
    )
