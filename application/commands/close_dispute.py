"""A dispute has been decided."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._disputes import dispute_id_of, merchant_debits, open_and_charge
from domain.money.money import Money
from domain.payouts.debits import DebitKind
from domain.sessions.dispute import close_dispute
from domain.sessions.payment_session import PaymentSession


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseDispute(Command):
    """Record how a dispute was decided; one that is not known yet is opened first."""

    session_id: UUID
    reference: str
    """The processor's name of the dispute."""
    money: Money
    """What the processor had taken back."""
    won: bool
    reason: str = ""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; it names the merchant."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record the end, and restore the merchant's debit if it is won; nothing if it is known.

        Raises (checked in this order):
            NotFound: there is no such session.
            SessionNotPaid, InvalidRequest, DisputesExhausted: see `open_dispute`.
        """
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        changed = open_and_charge(loaded, session, self.reference, self.money, self.reason)
        dispute_id = dispute_id_of(session, self.reference)
        dispute = close_dispute(session, dispute_id, won=self.won, at=loaded.now)
        if dispute is None or not self.won:
            return Decision(session, [*changed, session])
        debits = changed[0] if changed else merchant_debits(loaded, session)
        debits.restore(
            DebitKind.DISPUTE, dispute_id, amount_minor=dispute.merchant_minor, at=loaded.now
        )
        return Decision(session, [debits, session])
