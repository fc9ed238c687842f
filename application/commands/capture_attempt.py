"""A processor has taken money for an attempt."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._attempts import check_captured, find_attempt, record_word
from domain.money.money import Money
from domain.sessions.attempt import ACCEPT_SECONDS, AttemptStatus, Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureAttempt(Command):
    """Record captured money, whatever its amount, and whenever it arrives."""

    session_id: UUID
    attempt_id: UUID
    reference: str
    """The processor's, of the capture: money of the same reference counts once."""
    money: Money
    """Everything that was captured under the reference."""
    accept_seconds: int = ACCEPT_SECONDS
    """How long the merchant may accept late money; 0: it is returned at once."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; it names the other streams."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Pay the session if it is processing, or put the money into suspense.

        Raises (checked in this order):
            NotFound: there is no such session, or it has no such attempt.
            InvalidRequest: the currency does not exist, or the amount is out of range.
        """
        session, attempt = find_attempt(loaded, self.session_id, self.attempt_id)
        check_captured(self.money)
        heard = Heard(AttemptStatus.CAPTURED, self.reference, self.money)
        return record_word(loaded, session, attempt, heard, accept_seconds=self.accept_seconds)
