"""The operator registers a wallet app."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.wallets.wallet_app import WalletApp


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterWalletApp(Command):
    """Register a wallet app."""

    wallet_app_id: UUID
    name: str

    def decide(self, loaded: Loaded) -> Decision:
        """Register the wallet app.

        Raises:
            InvalidRequest: see `WalletApp.register`.
        """
        app = WalletApp.register(wallet_app_id=self.wallet_app_id, name=self.name, at=loaded.now)
        return Decision(app, [app])
