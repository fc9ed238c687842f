"""The operator sets a merchant's fees."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.merchants.fee_plan import FeePlan
from domain.merchants.merchant import Merchant


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFeePlan(Command):
    """Set the fees of new sessions in one currency."""

    merchant_id: UUID
    currency: str
    plan: FeePlan

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant."""
        return (self.merchant_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Set the plan; nothing if it is this one already.

        Raises (checked in this order):
            NotFound: there is no such merchant.
            InvalidRequest: the currency is not in use, or a part of the plan is out of range.
        """
        merchant = loaded.get(Merchant, self.merchant_id, "merchant")
        merchant.set_plan(self.currency, self.plan, at=loaded.now)
        return Decision(merchant, [merchant])
