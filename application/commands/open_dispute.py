"""A payer disputes a payment, and the processor takes the money back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._disputes import open_and_charge
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDispute(Command):
    """Record a dispute: the merchant is debited, whether its payable covers that or not."""

    session_id: UUID
    reference: str
    """The processor's name of the dispute."""
    money: Money
    """What the processor has taken back."""
    reason: str = ""
    """The processor's code, without personal data."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; it names the merchant."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record the dispute; nothing if it is known.

        Raises (checked in this order):
            NotFound: there is no such session.
            SessionNotPaid, InvalidRequest, DisputesExhausted: see `open_dispute`.
        """
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        changed = open_and_charge(loaded, session, self.reference, self.money, self.reason)
        return Decision(session, [*changed, session])
