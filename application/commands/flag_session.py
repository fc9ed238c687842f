"""An attempt needs a person: the processor has not said for too long how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._attempts import find_attempt
from domain.sessions.attempt import AttemptStatus, Flag, Heard
from domain.sessions.attempt_records import Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSession(Command):
    """Flag a session for one of its attempts, without any other effect."""

    session_id: UUID
    attempt_id: UUID
    flag: Flag = Flag.UNRESOLVED
    reason: str = ""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Flag it, once; an attempt whose end is known is not unresolved.

        Raises:
            NotFound: there is no such session, or it has no such attempt.
        """
        session, attempt = find_attempt(loaded, self.session_id, self.attempt_id)
        if self.flag is not Flag.UNRESOLVED or attempt.active:
            heard = Heard(AttemptStatus.UNKNOWN, reason=self.reason).cleaned(attempt)
            Recorder(session, attempt, heard, loaded.now).flagged(self.flag, None, None)
        return Decision(session, [session])
