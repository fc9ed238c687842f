"""The expiry process expires a payment session whose deadline has passed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import release_order
from domain import times
from domain.sessions.errors import SessionNotDue
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireSession(Command):
    """Expire a session whose deadline has passed by the ledger's time."""

    session_id: UUID
    order_stream_id: UUID | None = None
    """The stream of its order, if the sender knows it; else it is loaded a moment later."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session, and its order."""
        if self.order_stream_id is None:
            return (self.session_id,)
        return (self.session_id, self.order_stream_id)

    def decide(self, loaded: Loaded) -> Decision:
        """Expire the session and release its order; changes nothing if the session has ended.

        Nor if a processor is working on a payment: the end of that attempt expires the session.

        Raises (checked in this order):
            NotFound: there is no such session.
            SessionNotDue: its deadline has not passed; the clock may have been set back a little
                since the sender read it.
        """
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        if session.status not in OPEN:
            return Decision(session)
        if not loaded.reached(session.expires_at):
            expires_at = times.to_text(session.expires_at)
            raise SessionNotDue(session_id=session.public_id, expires_at=expires_at)
        session.expire(at=loaded.now)
        released = release_order(session, loaded, reason=Status.EXPIRED.value)
        return Decision(session, [*released, session])
