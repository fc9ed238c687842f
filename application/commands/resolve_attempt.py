"""A person found out how an attempt ended."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._attempts import check_captured, find_attempt, record_word
from domain.money.money import Money
from domain.sessions.attempt import ACCEPT_SECONDS, AttemptStatus, Heard
from domain.sessions.attempt_records import resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveAttempt(Command):
    """End an attempt by a person's word: as if the processor had said it, with who and why."""

    session_id: UUID
    attempt_id: UUID
    outcome: AttemptStatus
    """`captured`, `declined` or `voided`."""
    by: str
    """Who, as the operator names its people; no personal data."""
    reason: str
    reference: str = ""
    """The processor's, if the person found one."""
    money: Money | None = None
    """What was captured; None: the session's amount."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; it names the other streams."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record who and why, and the end.

        Raises (checked in this order):
            NotFound: there is no such session, or it has no such attempt.
            AttemptEnded, InvalidRequest: see `attempt_records.resolve`.
            InvalidRequest: the currency does not exist, or the amount is out of range.
        """
        session, attempt = find_attempt(loaded, self.session_id, self.attempt_id)
        resolve(
            session,
            attempt,
            outcome=self.outcome,
            by=self.by,
            reason=self.reason,
            at=loaded.now,
        )
        if self.money is not None:
            check_captured(self.money)
        heard = Heard(self.outcome, self.reference, self.money, self.reason)
        return record_word(loaded, session, attempt, heard, accept_seconds=ACCEPT_SECONDS)
