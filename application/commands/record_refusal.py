"""A refusal that a payer may dispute is recorded, after it was answered."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain import ids
from domain.errors import LedgerError
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refusals import Action, SessionRefusals


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRefusal(Command):
    """Decide a refused command again, on the present state, and record that it is refused."""

    refused: Command
    refused_command_id: UUID
    answered_code: str
    action: Action
    session_id: UUID
    wallet_id: UUID
    wallet_app_id: str

    @property
    def refusals_stream(self) -> UUID:
        """The stream of the session's refusals."""
        return SessionRefusals.stream_id(self.session_id)

    @property
    def streams(self) -> tuple[UUID, ...]:
        """What the refused command reads, and the session's refusals."""
        return (*self.refused.streams, self.refusals_stream)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The session's refusals; everything else is only read."""
        return (self.refusals_stream,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record the refusal.

        Returns the session, and records nothing, if the command is not refused any more, if its
        refusal is nobody's loss, or if the wallet or the session has reached its limit. What the
        refused command would change is not recorded.

        Raises:
            NotFound: there is no such session.
        """
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        try:
            self.refused.decide(loaded)
        except LedgerError as refusal:
            code = refusal.code
        else:
            return Decision(session)
        recorded = SessionRefusals.record(
            loaded.find(SessionRefusals, self.refusals_stream),
            session,
            wallet_id=ids.encode("wal", self.wallet_id),
            wallet_app_id=self.wallet_app_id,
            action=self.action,
            code=code,
            answered_code=self.answered_code,
            refused_command_id=self.refused_command_id,
            at=loaded.now,
        )
        return Decision(session) if recorded is None else Decision(recorded, [recorded])
