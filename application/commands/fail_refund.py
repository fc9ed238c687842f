"""A processor could not carry out a refund."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._refunds import record_end


@dataclass(frozen=True, slots=True, kw_only=True)
class FailRefund(Command):
    """Record that the money is the merchant's again."""

    session_id: UUID
    refund_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; it names the merchant."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Record the end; the same again changes nothing, the opposite flags a conflict.

        Raises:
            NotFound: there is no such session, or it has no such refund.
        """
        return record_end(loaded, self.session_id, self.refund_id, succeeded=False)
