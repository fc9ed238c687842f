"""A wallet app releases a claim before its lease has ended."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.sessions.payment_session import PaymentSession


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseClaim(Command):
    """Release the claim on a session, so that another wallet can scan it at once."""

    session_id: UUID
    wallet_app_id: str
    wallet_id: str | None = None
    """The wallet that must hold the claim; None accepts any wallet of the app."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Release the claim.

        Raises (checked in this order):
            NotFound: there is no such session.
            SessionNotPayable, SessionExpired, ClaimRequired: see `PaymentSession.release_claim`.
        """
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        loaded.reached(session.expires_at)
        session.release_claim(
            wallet_app_id=self.wallet_app_id, wallet_id=self.wallet_id, at=loaded.now
        )
        return Decision(session, [session])
