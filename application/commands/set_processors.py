"""The operator sets the processors through which a merchant can be paid."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.merchants.merchant import Merchant


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProcessors(Command):
    """Set a merchant's processors, in the order in which payers are offered them."""

    merchant_id: UUID
    processors: tuple[str, ...]

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant."""
        return (self.merchant_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Set them; nothing if they are these already. Attempts under way go on.

        Raises (checked in this order):
            NotFound: there is no such merchant.
            InvalidRequest: more than 10 processors, one twice, or one that is not a name.
        """
        merchant = loaded.get(Merchant, self.merchant_id, "merchant")
        merchant.set_processors(self.processors, at=loaded.now)
        return Decision(merchant, [merchant])
