"""The operator registers a merchant."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.merchants.merchant import Merchant


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterMerchant(Command):
    """Register a merchant."""

    merchant_id: UUID
    name: str
    return_hosts: tuple[str, ...] = ()
    """Hosts that a session's `return_url` may be on."""

    def decide(self, loaded: Loaded) -> Decision:
        """Register the merchant.

        Raises:
            InvalidRequest: see `Merchant.register`.
        """
        merchant = Merchant.register(
            merchant_id=self.merchant_id,
            name=self.name,
            return_hosts=self.return_hosts,
            at=loaded.now,
        )
        return Decision(merchant, [merchant])
