"""The payer chose another way to pay, so the attempt under way is to be voided."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._attempts import find_attempt
from domain.sessions.attempt_records import request_void


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestVoid(Command):
    """Ask the processor to end an attempt; its answer is `VoidAttempt`, or another word."""

    session_id: UUID
    attempt_id: UUID
    reason: str = "another way"

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record the request; nothing if the attempt has ended, or was asked for before.

        Raises:
            NotFound: there is no such session, or it has no such attempt.
        """
        session, attempt = find_attempt(loaded, self.session_id, self.attempt_id)
        request_void(session, attempt, reason=self.reason, at=loaded.now)
        return Decision(session, [session])
