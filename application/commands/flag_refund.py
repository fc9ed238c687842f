"""A refund needs a person: the processor has not said for too long how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._refunds import find_refund
from domain.sessions.attempt import Flag
from domain.sessions.attempt_records import flag_refund
from domain.sessions.refund import RefundStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRefund(Command):
    """Flag a session as `unresolved` for one of its refunds, without any other effect."""

    session_id: UUID
    refund_id: UUID
    reason: str = ""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Flag it, once; a refund whose end is known is not unresolved.

        Raises:
            NotFound: there is no such session, or it has no such refund.
        """
        session, refund = find_refund(loaded, self.session_id, self.refund_id)
        if refund.status is RefundStatus.PENDING:
            flag_refund(session, refund, Flag.UNRESOLVED, reason=self.reason, at=loaded.now)
        return Decision(session, [session])
