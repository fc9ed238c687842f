"""A key seals the log no more."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.sealing.errors import LogNotOpened
from domain.sealing.sealed_log import STREAM_ID, SealedLog


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireLogKey(Command):
    """Retire a sealing key: rotated, lost or compromised."""

    key_id: str
    size: int
    """From here on its signature alone proves nothing."""
    reason: str

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The log's own stream."""
        return (STREAM_ID,)

    def decide(self, loaded: Loaded) -> Decision:
        """Retire the key.

        Raises (checked in this order):
            LogNotOpened: the log has no origin.
            InvalidRequest, LogKeyRefused: see `SealedLog.retire_key`.
        """
        log = loaded.find(SealedLog, STREAM_ID)
        if log is None:
            raise LogNotOpened
        log.retire_key(key_id=self.key_id, size=self.size, reason=self.reason, at=loaded.now)
        return Decision(log, [log])
