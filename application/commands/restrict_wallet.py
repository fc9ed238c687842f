"""The operator restricts the texts of a wallet, because its holder's data has to be erased."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictWallet(Command):
    """Show the texts of a wallet to auditors only, for good."""

    wallet_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The wallet."""
        return (self.wallet_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Restrict the wallet; does nothing if it is restricted already.

        Raises:
            NotFound: there is no such wallet.
        """
        wallet = loaded.get(Wallet, self.wallet_id, "wallet")
        return Decision(wallet, [wallet] if wallet.restrict(at=loaded.now) else [])
