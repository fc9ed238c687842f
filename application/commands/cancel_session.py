"""A merchant or its checkout page cancels a payment session."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import release_order
from application.errors import NotFound
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSession(Command):
    """Cancel a session that has not ended."""

    session_id: UUID
    merchant_id: str
    by: str = "merchant"
    """`merchant` or `checkout`."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; the order's id is in the session."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Cancel the session and release its order.

        Raises (checked in this order):
            NotFound: the merchant has no such session.
            PaymentInFlight: a processor is working on a payment.
            SessionNotPayable: the session has ended.
        """
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        if session.merchant_id != self.merchant_id:
            raise NotFound(thing="payment session")
        loaded.reached(session.expires_at)
        session.cancel(by=self.by, at=loaded.now)
        released = release_order(session, loaded, reason=Status.CANCELLED.value)
        return Decision(session, [*released, session])
