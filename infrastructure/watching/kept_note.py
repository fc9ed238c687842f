"""The newest checkpoint that a watcher trusts, in a file of its own: its memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from domain.audit import note as notes
from domain.audit.note import NOTE_BYTES_MAX, Note
from infrastructure import private_files

ALARM_SUFFIX: Final = ".alarm"


class KeptNote:
    """A note, and when it was last replaced, which is the time of its file."""

    def __init__(self, path: Path) -> None:
        """Read the file, if there is one.

        Raises (checked in this order):
            OSError: it cannot be read.
            EvidenceError: it is no checkpoint.
        """
        self._path = path
        self.note: Note | None = None
        self.changed_at: float | None = None
        """Seconds since 1970."""
        try:
            with path.open("rb") as file:
                data = file.read(NOTE_BYTES_MAX + 1)
                self.changed_at = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return
        self.note = notes.parse(data)
        notes.parse_checkpoint(self.note.text)

    def replace(self, note: Note, at: float) -> None:
        """Keep another note; it is on disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        private_files.replace(self._path, note.encode())
        os.utime(self._path, (at, at))
        self.note, self.changed_at = note, at

    def keep_evidence(self, data: bytes) -> Path:
        """Write what contradicts the kept note beside it; returns where.

        Raises:
            OSError: it cannot be written.
        """
        path = self._path.with_name(self._path.name + ALARM_SUFFIX)
        private_files.replace(path, data)
        return path
