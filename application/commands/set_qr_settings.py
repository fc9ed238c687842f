"""The operator sets what EMVCo codes say about a merchant."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.merchants.merchant import Merchant
from domain.merchants.qr_settings import QrSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQrSettings(Command):
    """Set what new EMVCo codes say; printed ones stay as they are."""

    merchant_id: UUID
    settings: QrSettings

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant."""
        return (self.merchant_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Set the settings; nothing if they are these already.

        Raises (checked in this order):
            NotFound: there is no such merchant.
            InvalidRequest: a part of the settings is out of range.
        """
        merchant = loaded.get(Merchant, self.merchant_id, "merchant")
        merchant.set_qr(self.settings, at=loaded.now)
        return Decision(merchant, [merchant])
