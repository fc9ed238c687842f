"""The operator restricts the texts of a session, because somebody's data has to be erased."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.sessions.payment_session import PaymentSession
from domain.sessions.restriction import restrict


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictSession(Command):
    """Show the texts of a session to auditors only, for good."""

    session_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Restrict the session; does nothing if it is restricted already.

        Raises (checked in this order):
            NotFound: there is no such session.
            SessionNotEnded: see `restrict`.
        """
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        loaded.reached(session.expires_at)
        return Decision(session, [session] if restrict(session, at=loaded.now) else [])
