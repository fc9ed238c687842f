"""A processor has voided an attempt, as it was asked to."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._attempts import find_attempt, record_word
from domain.sessions.attempt import AttemptStatus, Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidAttempt(Command):
    """End an attempt that will not take any money."""

    session_id: UUID
    attempt_id: UUID
    reference: str = ""
    reason: str = ""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; it names the other streams."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """End it: the session is open again, expired, or failed after its last attempt.

        Raises:
            NotFound: there is no such session, or it has no such attempt.
        """
        session, attempt = find_attempt(loaded, self.session_id, self.attempt_id)
        return record_word(
            loaded,
            session,
            attempt,
            Heard(AttemptStatus.VOIDED, self.reference, reason=self.reason),
        )
