"""The operator sets the logo and the colour that a merchant's payers see."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.merchants.branding import Branding
from domain.merchants.merchant import Merchant


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBranding(Command):
    """Set both; the file of a logo is kept before this command is sent."""

    merchant_id: UUID
    branding: Branding

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant."""
        return (self.merchant_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Set them; nothing if they are these already.

        Raises (checked in this order):
            NotFound: there is no such merchant.
            InvalidRequest: see `Branding.check`.
        """
        merchant = loaded.get(Merchant, self.merchant_id, "merchant")
        merchant.set_branding(self.branding, at=loaded.now)
        return Decision(merchant, [merchant])
