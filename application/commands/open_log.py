"""The origin of the log is fixed, once for the life of a ledger."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.sealing.sealed_log import STREAM_ID, SealedLog


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLog(Command):
    """Fix the origin of the log unless it is fixed; the one that was fixed first stays."""

    origin: str

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The log's own stream."""
        return (STREAM_ID,)

    def decide(self, loaded: Loaded) -> Decision:
        """Open the log.

        Raises:
            InvalidRequest: see `SealedLog.open`.
        """
        log = loaded.find(SealedLog, STREAM_ID)
        if log is not None:
            return Decision(log)
        log = SealedLog.open(origin=self.origin, at=loaded.now)
        return Decision(log, [log])
