"""How responses present wallets, their payments and their page tokens."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from api.http.fields import SessionId, Time, WalletId
from api.views.merchants import MerchantView
from api.views.money import MoneyView, money_view
from domain import times
from domain.wallets.wallet import Wallet
from projections.wallet_payments import WalletPaymentRow


class WalletView(Struct, frozen=True, kw_only=True):
    """A wallet and its balance."""

    object: Literal["wallet"] = "wallet"
    id: WalletId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    currency: str
    available: MoneyView
    held: MoneyView
    version: int
    position: int
    at: int | UnsetType = UNSET
    """The position at which it stood like this, if that was asked for."""


class WalletPaymentView(Struct, frozen=True, kw_only=True):
    """One payment that a wallet made."""

    session_id: SessionId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    merchant: MerchantView
    amount: MoneyView
    payer_amount: MoneyView
    """Everything that the payer paid, in the wallet's currency."""
    paid_at: Time
    position: int


class PageTokenView(Struct, frozen=True, kw_only=True):
    """A token with which a browser page reads, scans and pays for this wallet only."""

    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    token: str
    wallet_id: str
    expires_at: Time


def wallet_view(wallet: Wallet, position: int, *, livemode: bool) -> WalletView:
    """The wallet as its app sees it, at a position of the log."""
    return WalletView(
        id=wallet.public_id,
        livemode=livemode,
        currency=wallet.currency,
        available=money_view(wallet.available),
        held=money_view(wallet.held),
        version=wallet.version,
        position=position,
    )


def wallet_payment_view(row: WalletPaymentRow, *, livemode: bool) -> WalletPaymentView:
    """A row of the read model of wallet payments."""
    return WalletPaymentView(
        session_id=row.session_id,
        livemode=livemode,
        merchant=MerchantView(row.merchant_id, row.merchant_name),
        amount=money_view(row.amount),
        payer_amount=money_view(row.payer_amount),
        paid_at=times.to_text(row.paid_at),
        position=row.position,
    )
