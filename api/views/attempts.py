"""How responses present attempts to pay through a processor."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from api.http.fields import AttemptId, Time
from api.http.identity import CallerRole, Identity
from api.views.money import MoneyView, money_view
from domain import times
from domain.sessions.attempt import Attempt


class NextActionView(Struct, frozen=True, kw_only=True):
    """What the payer has to do next; shown to the payer only."""

    type: Literal["redirect"] = "redirect"
    url: str


class AttemptView(Struct, frozen=True, kw_only=True):
    """An attempt to pay a session through a processor."""

    object: Literal["payment_attempt"] = "payment_attempt"
    id: AttemptId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    processor: str
    status: Literal["started", "processing", "captured", "declined", "voided", "unknown"]
    amount: MoneyView
    reference: str | None
    """The processor's, once it is known."""
    created_at: Time


class PayerAttemptView(Struct, frozen=True, kw_only=True):
    """What a payer needs to know of the latest attempt."""

    processor: str
    status: Literal["started", "processing", "captured", "declined", "voided", "unknown"]
    created_at: Time
    may_stop: bool
    """Whether the checkout screen may stop it: it is under way, and not a wallet's."""


def payer_attempt_view(attempt: Attempt) -> PayerAttemptView:
    """An attempt, for whoever may see the public part of its session."""
    return PayerAttemptView(
        processor=attempt.processor,
        status=attempt.status.value,
        created_at=times.to_text(attempt.created_at),
        may_stop=attempt.active and not attempt.void_requested and attempt.wallet_id is None,
    )


def next_action_view(
    identity: Identity, attempt: Attempt | None, redirect_url: str
) -> NextActionView | None:
    """What the caller has to do, if it is the attempt's payer.

    An attempt with a wallet is the wallet's; any other is of whoever has the checkout screen.
    """
    if attempt is None or not attempt.active or not redirect_url:
        return None
    return NextActionView(url=redirect_url) if pays(identity, attempt) else None


def pays(identity: Identity, attempt: Attempt) -> bool:
    """Whether a caller is the payer of an attempt."""
    if attempt.wallet_id is None:
        return identity.role is CallerRole.CHECKOUT
    if identity.role not in {CallerRole.WALLET, CallerRole.PAGE}:
        return False
    return identity.owns(attempt.wallet_app_id or "", attempt.wallet_id)


def attempt_view(attempt: Attempt, *, livemode: bool) -> AttemptView:
    """An attempt, for the merchant and for auditors."""
    return AttemptView(
        id=attempt.id,
        livemode=livemode,
        processor=attempt.processor,
        status=attempt.status.value,
        amount=money_view(attempt.amount),
        reference=attempt.reference or None,
        created_at=times.to_text(attempt.created_at),
    )
