"""The memory of a witness: of each log one file with the note that was cosigned last.

A file is replaced by a rename after the new one has been synced, and then the folder is synced: at
every moment there is a whole note, and none is signed before it would survive a power failure. A
head is written again even if it has not changed, because an earlier write may not have been synced.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from application.ports.witness_memory import MemoryUnavailable
from domain.audit import note as notes
from domain.audit.errors import EvidenceError
from domain.audit.note import NOTE_BYTES_MAX, Checkpoint, Note
from infrastructure import private_files


class FileMemory:
    """`application.ports.witness_memory.WitnessMemory` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, origin: str) -> Path:
        """The file of a log: an origin may have characters that a file name may not."""
        return self._folder / f"{sha256(origin.encode()).hexdigest()}.note"

    def head(self, origin: str) -> Checkpoint | None:
        """See the port."""
        path = self.path(origin)
        try:
            with path.open("rb") as file:
                data = file.read(NOTE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable(path, error) from error
        try:
            found = notes.parse_checkpoint(notes.parse(data).text)
        except EvidenceError as error:
            text = f"{path} is not the note that was kept: {error}"
            raise MemoryUnavailable(text) from None
        if found.origin != origin:
            text = f"{path} is the note of another log"
            raise MemoryUnavailable(text)
        return found

    def keep(self, note: Note) -> None:
        """See the port."""
        path = self.path(notes.parse_checkpoint(note.text).origin)
        try:
            private_files.replace(path, note.encode())
        except OSError as error:
            raise _unavailable(path, error) from error

    def keep_fork(self, note: Note) -> None:
        """See the port."""
        path = self.path(notes.parse_checkpoint(note.text).origin).with_suffix(".fork")
        try:
            private_files.write_new(path, note.encode())
            private_files.sync_folder(self._folder)
        except FileExistsError:
            return
        except OSError as error:
            raise _unavailable(path, error) from error


def _unavailable(path: Path, error: OSError) -> MemoryUnavailable:
    return MemoryUnavailable(f"{path} cannot be used: {error.strerror}")
