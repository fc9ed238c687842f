"""Wallets are opened and topped up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Loaded
from application.commands._support import own_wallet
from domain.money.currencies import Currency
from domain.money.money import Money
from domain.wallets.errors import ReferenceUsed
from domain.wallets.top_up_reference import TopUpReference
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWallet(Command):
    """Open an empty wallet for a payer of a wallet app."""

    wallet_id: UUID
    wallet_app_id: str
    currency: Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpWallet(Command):
    """Put money into a wallet."""

    wallet_id: UUID
    amount: Money
    reference: str
    wallet_app_id: str | None = None
    """The app that asks; None is the operator, who may top up any wallet."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The wallet, and the reference's own stream."""
        return (self.wallet_id, TopUpReference.stream_id(self.wallet_id, self.reference))


def open_wallet(command: OpenWallet, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `OpenWallet`."""
    return [
        Wallet.open(
            wallet_id=command.wallet_id,
            wallet_app_id=command.wallet_app_id,
            currency=command.currency,
            at=loaded.now,
        )
    ]


def top_up_wallet(command: TopUpWallet, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `TopUpWallet`.

    Raises (checked in this order):
        NotFound: no such wallet, or another app's.
        ReferenceUsed: the wallet has a top-up of that reference.
        WalletCurrencyMismatch, BalanceLimit: see `top_up`.
    """
    wallet = loaded.get(Wallet, command.wallet_id, "wallet")
    if command.wallet_app_id is not None:
        own_wallet(wallet, command.wallet_app_id)
    reference_stream = TopUpReference.stream_id(command.wallet_id, command.reference)
    if loaded.find(TopUpReference, reference_stream) is not None:
        raise ReferenceUsed(wallet_id=wallet.public_id, reference=command.reference)
    wallet.top_up(amount=command.amount, reference=command.reference, at=loaded.now)
    reference = TopUpReference.use(
        wallet_id=command.wallet_id, reference=command.reference, at=loaded.now
    )
    return [reference, wallet]
