"""A key begins to seal the log."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.sealing.errors import LogNotOpened
from domain.sealing.sealed_log import STREAM_ID, SealedLog


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLogKey(Command):
    """Announce the public half of a sealing key."""

    key_id: str
    vkey: str

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The log's own stream."""
        return (STREAM_ID,)

    def decide(self, loaded: Loaded) -> Decision:
        """Add the key.

        Raises (checked in this order):
            LogNotOpened: the log has no origin.
            InvalidRequest, LogKeyRefused: see `SealedLog.add_key`.
        """
        log = loaded.find(SealedLog, STREAM_ID)
        if log is None:
            raise LogNotOpened
        log.add_key(key_id=self.key_id, vkey=self.vkey, at=loaded.now)
        return Decision(log, [log])
