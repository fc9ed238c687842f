"""A wallet app or the operator adds money to a wallet."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_wallet
from domain.money.money import Money
from domain.wallets.errors import ReferenceUsed
from domain.wallets.top_up_reference import TopUpReference
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpWallet(Command):
    """Add money to a wallet, once per reference."""

    wallet_id: UUID
    amount: Money
    reference: str
    wallet_app_id: str | None = None
    """The app that must own the wallet; None is the operator, who may top up any wallet."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The wallet and the reference."""
        return (self.wallet_id, TopUpReference.stream_id(self.wallet_id, self.reference))

    def decide(self, loaded: Loaded) -> Decision:
        """Add the amount and record the reference as used.

        Raises (checked in this order):
            NotFound: there is no such wallet, or it belongs to another app.
            ReferenceUsed: the wallet already has a top-up with this reference.
            WalletCurrencyMismatch, BalanceLimit: see `Wallet.top_up`.
        """
        wallet = loaded.get(Wallet, self.wallet_id, "wallet")
        if self.wallet_app_id is not None:
            own_wallet(wallet, self.wallet_app_id)
        reference_stream = TopUpReference.stream_id(self.wallet_id, self.reference)
        if loaded.find(TopUpReference, reference_stream) is not None:
            raise ReferenceUsed(wallet_id=wallet.public_id, reference=self.reference)
        wallet.top_up(amount=self.amount, reference=self.reference, at=loaded.now)
        reference = TopUpReference.use(
            wallet_id=self.wallet_id, reference=self.reference, at=loaded.now
        )
        return Decision(wallet, [reference, wallet])
