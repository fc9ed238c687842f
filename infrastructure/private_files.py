"""Files for the user of one process only: read with care, written whole and durably, locked.

Each caller names its file and its setting in its own errors; the reasons are the same for all.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
OTHERS: Final = 0o077
LOCK_POLL_SECONDS: Final = 0.02


class UnusableFile(Exception):
    """The file must not or cannot be used; the message is the reason, after the file's name."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)


class LockHeld(Exception):
    """Another process holds the lock."""


def read(path: Path, bytes_max: int, *, owner: str = "") -> bytes:
    """The bytes of a file that only its user can read.

    `owner` names whose file it must be ("the sealer's"); without it, any user's.

    Raises (checked in this order):
        FileNotFoundError: there is none.
        UnusableFile: it cannot be read, is no regular file, other users may read or write it, it
            belongs to another user than this process's, or it has more than `bytes_max` bytes.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnusableFile(reason="is not a file")
            if status.st_mode & OTHERS:
                raise UnusableFile(reason="is open to other users: change its mode to 0600")
            if owner and status.st_uid != os.geteuid():
                raise UnusableFile(reason=f"belongs to another user than {owner}")
            data = file.read(bytes_max + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise UnusableFile(reason=f"cannot be read: {why(error)}") from None
    if len(data) > bytes_max:
        raise UnusableFile(reason=f"has more than {bytes_max} bytes")
    return data


def write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet, and sync it.

    Raises:
        OSError: it cannot be written, or there is one (FileExistsError).
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def replace(path: Path, data: bytes) -> None:
    """Write a file anew, and rename it when it is on the disk: no reader sees half of it.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    write_new(new, data)
    new.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make new and renamed files of a folder durable.

    Raises:
        OSError: the folder cannot be synced.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, *, wait_seconds: float = 0) -> Iterator[None]:
    """Hold a lock file; the kernel releases it when the process ends.

    Raises (checked in this order):
        UnusableFile: it cannot be opened.
        LockHeld: another process has held it for `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except (OSError, ValueError) as error:
        raise UnusableFile(reason=f"cannot be written: {why(error)}") from None
    try:
        while not _try_lock(lock):
            if time.monotonic() >= deadline:
                raise LockHeld
            time.sleep(LOCK_POLL_SECONDS)
        yield
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def why(error: Exception) -> str:
    """What the operating system says, without the file's name."""
    return getattr(error, "strerror", None) or "its name is not valid"


def _open_at_once(name: str, flags: int) -> int:
    """Open without waiting for the other end, if it is a pipe."""
    return os.open(name, flags | os.O_NONBLOCK)
