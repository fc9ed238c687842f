"""The log goes on under a new origin after it was set back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.sealing.errors import LogNotOpened
from domain.sealing.sealed_log import STREAM_ID, SealedLog


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartLog(Command):
    """Record which head was signed last, and what of it is left (see `SealedLog.restart`)."""

    origin: str
    old_size: int
    old_root: str
    common_size: int
    reason: str

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The log's own stream."""
        return (STREAM_ID,)

    def decide(self, loaded: Loaded) -> Decision:
        """Restart the log.

        Raises (checked in this order):
            LogNotOpened: the log has no origin.
            InvalidRequest: see `SealedLog.restart`.
        """
        log = loaded.find(SealedLog, STREAM_ID)
        if log is None:
            raise LogNotOpened
        log.restart(
            origin=self.origin,
            old_size=self.old_size,
            old_root=self.old_root,
            common_size=self.common_size,
            reason=self.reason,
            at=loaded.now,
        )
        return Decision(log, [log])
