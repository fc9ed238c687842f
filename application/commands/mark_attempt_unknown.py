"""A processor does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._attempts import find_attempt, record_word
from domain.sessions.attempt import AttemptStatus, Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkAttemptUnknown(Command):
    """Record that it is not known whether an attempt has taken the money."""

    session_id: UUID
    attempt_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; it names the other streams."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record it; an attempt that is unknown already, or has ended, stays as it is.

        Raises:
            NotFound: there is no such session, or it has no such attempt.
        """
        session, attempt = find_attempt(loaded, self.session_id, self.attempt_id)
        return record_word(loaded, session, attempt, Heard(AttemptStatus.UNKNOWN))
