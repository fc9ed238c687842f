"""A processor has taken an attempt up."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._attempts import find_attempt, record_word
from domain.sessions.attempt import AttemptStatus, Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptAttempt(Command):
    """Record the processor's reference, or that it answers again."""

    session_id: UUID
    attempt_id: UUID
    reference: str
    """The processor's."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; it names the other streams."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record it; nothing if it is known, or the attempt has ended.

        Raises:
            NotFound: there is no such session, or it has no such attempt.
        """
        session, attempt = find_attempt(loaded, self.session_id, self.attempt_id)
        return record_word(
            loaded, session, attempt, Heard(AttemptStatus.PROCESSING, self.reference)
        )
