"""The inbox of callbacks and the notes of attempts, in memory."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from application.errors import LogUnavailable
from application.ports.attempt_notes import Notes
from application.ports.processor import Notice


class MemoryInbox:
    """A `CallbackInbox`; `away` makes it fail."""

    def __init__(self) -> None:
        self.received: dict[tuple[str, str], tuple[Notice, bytes]] = {}
        self.away = False

    def receive(self, processor: str, notice: Notice, sha256: bytes) -> bool:
        if self.away:
            raise LogUnavailable(reason="the database is away")
        key = processor, notice.id
        new = key not in self.received
        self.received.setdefault(key, (notice, sha256))
        return new


class MemoryNotes:
    """An `AttemptNotes`."""

    def __init__(self) -> None:
        self.notes: dict[str, Notes] = {}
        self.keys: dict[tuple[str, str], str] = {}

    def set_source(self, attempt_id: str, source: str) -> None:
        self.notes[attempt_id] = self.of(attempt_id)._replace(source=source)

    def set_redirect(self, attempt_id: str, url: str) -> None:
        self.notes[attempt_id] = self.of(attempt_id)._replace(redirect_url=url)

    def of(self, attempt_id: str) -> Notes:
        return self.notes.get(attempt_id, Notes())

    def forget(self, attempt_id: str) -> None:
        self.notes.pop(attempt_id, None)

    def clean(self) -> None:
        """Nothing is old."""

    def set_key(self, processor: str, reference: str, key: str) -> None:
        self.keys.setdefault((processor, reference), key)

    def key_of(self, processor: str, reference: str) -> str:
        return self.keys.get((processor, reference), "")


def return_address(session_id: UUID, _until: datetime) -> str:
    """Where payers come back to."""
    return f"https://pay.example/return/{session_id}"
