"""A wallet app opens a wallet for a payer."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.money.currencies import Currency
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWallet(Command):
    """Open an empty wallet in one currency."""

    wallet_id: UUID
    wallet_app_id: str
    currency: Currency

    def decide(self, loaded: Loaded) -> Decision:
        """Open the wallet.

        Raises:
            InvalidRequest: the currency has been withdrawn.
        """
        wallet = Wallet.open(
            wallet_id=self.wallet_id,
            wallet_app_id=self.wallet_app_id,
            currency=self.currency,
            at=loaded.now,
        )
        return Decision(wallet, [wallet])
