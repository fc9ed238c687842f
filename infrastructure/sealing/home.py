"""The sealer's folder, QRLEDGER_SEAL_HOME: its key file, its notes, its halt. Never the database's.

keys        the signing keys, for the sealer's user only (`key_file.py`)
<id>.notes  one line of JSON for each note that was signed under the origin with this ledger id
halted      why the sealer has halted; it does not start while this file is here
lock        held by the sealer that is running
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from domain.audit import note as notes
from domain.audit.errors import EvidenceError
from domain.audit.note import Checkpoint
from infrastructure import private_files
from infrastructure.private_files import FILE_MODE, FOLDER_MODE, sync_folder

HALT_CHARS_MAX: Final = 4096
TAIL_BYTES: Final = 256 * 1024
"""The last note is within this many bytes from the end: a note has at most 64 KiB."""


class SealHomeError(Exception):
    """The folder or a file in it cannot be used; the message says which and why."""


class SealHome:
    """The folder of one sealer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        """Make the folder if there is none, for this user only.

        Raises:
            SealHomeError: it cannot be made.
        """
        try:
            self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise unusable(self.folder, error) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock; the kernel releases it when the process ends.

        Raises:
            SealHomeError: another sealer is running with this folder, or it cannot be written.
        """
        self.make()
        path = self.folder / "lock"
        with ExitStack() as stack:
            try:
                stack.enter_context(private_files.locked(path))
            except private_files.UnusableFile as error:
                text = f"{path} {error}; set QRLEDGER_SEAL_HOME"
                raise SealHomeError(text) from None
            except private_files.LockHeld:
                text = f"another sealer is running with {self.folder}"
                raise SealHomeError(text) from None
            yield

    @property
    def key_file(self) -> Path:
        """The file of the signing keys."""
        return self.folder / "keys"

    def notes(self, origin: str) -> NoteFile:
        """The notes of an origin."""
        return NoteFile(self.folder / f"{origin.rpartition('/')[2]}.notes")

    def halted(self) -> str | None:
        """Why the sealer has halted; None if it has not."""
        try:
            return (self.folder / "halted").read_text("utf-8", "replace")[:HALT_CHARS_MAX].strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable(self.folder / "halted", error) from None

    def halt(self, reason: str) -> None:
        """Keep the sealer from starting again until a person has looked."""
        write_durably(self.folder / "halted", f"{reason}\n".encode())

    def lift_halt(self) -> None:
        """Allow the sealer to start again."""
        with suppress(FileNotFoundError):
            (self.folder / "halted").unlink()
            sync_folder(self.folder)


class NoteFile:
    """`application.ports.sealing.Notes` as a file that only grows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def last(self) -> str | None:
        """See the port. A line that was cut off by a crash is removed: it was never published.

        Raises:
            SealHomeError: the file cannot be read, or its last line is not a note.
        """
        try:
            with self.path.open("rb+") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL_BYTES))
                tail = file.read()
                whole = tail.rfind(b"\n") + 1
                if whole < len(tail):
                    file.truncate(size - len(tail) + whole)
                    os.fsync(file.fileno())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable(self.path, error) from None
        lines = tail[:whole].splitlines()
        return self._note(lines[-1]) if lines else None

    def append(self, note: str) -> None:
        """See the port.

        Raises:
            SealHomeError: the note cannot be written, or is not on the disk for certain.
        """
        line = json.dumps({"note": note}).encode() + b"\n"
        try:
            new = not self.path.exists()
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            file = os.open(self.path, flags, FILE_MODE)
            try:
                if os.write(file, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file)
            finally:
                os.close(file)
            if new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise unusable(self.path, error) from error  # a full disk may pass

    def checkpoints(self) -> Iterator[Checkpoint]:
        """Every head that was ever signed, oldest first.

        Raises:
            SealHomeError: the file cannot be read, or a line is not a note.
        """
        try:
            with self.path.open("rb") as file:
                for line in file:
                    yield notes.parse_checkpoint(notes.parse(self._note(line).encode()).text)
        except FileNotFoundError:
            return
        except OSError as error:
            raise unusable(self.path, error) from None
        except EvidenceError as error:
            text = f"{self.path} has a line that is not a note: {error}"
            raise SealHomeError(text) from None

    def _note(self, line: bytes) -> str:
        try:
            note = json.loads(line)["note"]
        except (ValueError, KeyError, TypeError):
            note = None
        if not isinstance(note, str):
            text = (
                f"{self.path} has a line that is not a note: restore the file, or move it away and "
                "start with `--adopt NOTE` and a checkpoint that you trust"
            )
            raise SealHomeError(text)
        return note


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file by a new one; a reader sees the one or the other, whole.

    Raises:
        SealHomeError: it cannot be written.
    """
    try:
        private_files.replace(path, data)
    except OSError as error:
        raise unusable(path, error) from None


def unusable(path: Path, error: OSError) -> SealHomeError:
    """The error for a file that cannot be used."""
    return SealHomeError(f"{path} cannot be used: {error.strerror}; set QRLEDGER_SEAL_HOME")
