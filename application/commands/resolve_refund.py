"""A person found out how a refund ended."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._refunds import find_refund, record_end
from domain.sessions.refund import resolve_refund


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveRefund(Command):
    """End a refund by a person's word: as if the processor had said it, with who and why."""

    session_id: UUID
    refund_id: UUID
    succeeded: bool
    by: str
    """Who, as the operator names its people; no personal data."""
    reason: str

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; it names the merchant."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record who and why, and the end.

        Raises (checked in this order):
            NotFound: there is no such session, or it has no such refund.
            RefundEnded, InvalidRequest: see `resolve_refund`.
        """
        session, refund = find_refund(loaded, self.session_id, self.refund_id)
        resolve_refund(
            session,
            refund,
            succeeded=self.succeeded,
            by=self.by,
            reason=self.reason,
            at=loaded.now,
        )
        return record_end(loaded, self.session_id, self.refund_id, succeeded=self.succeeded)
