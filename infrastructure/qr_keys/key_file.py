"""The key file: read, created, and replaced whole by one writer at a time."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.qr_keys import key_set
from infrastructure.qr_keys.key_set import BadKeySet, KeySet

BYTES_MAX: Final = 262_144
LOCK_SECONDS: Final = 5
LOCK_POLL_SECONDS: Final = 0.02
MODE: Final = 0o600
OTHERS: Final = 0o077
HOW_TO_GET: Final = "copy it from another machine, or make it with `qrledger keys rotate-qr`"


class BadKeyFile(Exception):
    """The key file cannot be used; the message names it and says why."""


class NoKeyFile(BadKeyFile):
    """There is no key file."""


def read(path: Path) -> KeySet:
    """The keys of the file.

    Raises (checked in this order):
        NoKeyFile: there is none.
        BadKeyFile: it cannot be read, other users may read or write it, or its content is not
            valid.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise BadKeyFile(_line(path, "is not a file"))
            if mode & OTHERS:
                raise BadKeyFile(_line(path, "is open to other users: change its mode to 0600"))
            text = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        raise NoKeyFile(_line(path, f"does not exist: {HOW_TO_GET}")) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise BadKeyFile(_line(path, f"cannot be read: {reason}")) from None
    if len(text) > BYTES_MAX:
        raise BadKeyFile(_line(path, f"has more than {BYTES_MAX} bytes"))
    try:
        return key_set.from_json(text)
    except BadKeySet as error:
        raise BadKeyFile(_line(path, str(error))) from None


def _open_at_once(name: str, flags: int) -> int:
    """Open without waiting for the other end, if it is a pipe."""
    return os.open(name, flags | os.O_NONBLOCK)


def create_if_absent(path: Path, private: Ed25519PrivateKey, at: datetime) -> KeySet | None:
    """Make the file with a first key; None if there is one, which is checked and left alone.

    Raises:
        BadKeyFile: the file that is there cannot be used, or none can be written.
    """
    with _locked(path):
        try:
            read(path)
        except NoKeyFile:
            made = key_set.first(private, at)
            _write(path, made)
            return made
    return None


def change(path: Path, decide: Callable[[KeySet], KeySet]) -> KeySet:
    """Replace the file's keys by what `decide` makes of them.

    Raises:
        BadKeyFile: there is none, it cannot be used, or it cannot be replaced.
    """
    with _locked(path):
        try:
            changed = decide(read(path))
        except BadKeySet as error:
            raise BadKeyFile(_line(path, str(error))) from None
        _write(path, changed)
    return changed


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file beside the key file; the kernel releases it when the process ends."""
    deadline = time.monotonic() + LOCK_SECONDS
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(_beside(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    try:
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                raise BadKeyFile(_line(path, "is being changed by another command: try again"))
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


def _write(path: Path, keys: KeySet) -> None:
    """Write a new file, and rename it when it is on the disk: no reader sees half of it."""
    target = path.resolve()
    new = _beside(target, ".new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(keys.to_json())
            file.flush()
            os.fsync(descriptor)
        new.rename(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _unwritable(path, error) from None


def _sync_folder(folder: Path) -> None:
    """Make the rename durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _line(path: Path, reason: str) -> str:
    return f"the file of signing keys {path} {reason}"


def _unwritable(path: Path, error: Exception) -> BadKeyFile:
    reason = getattr(error, "strerror", None) or "its name is not valid"
    return BadKeyFile(_line(path, f"cannot be written: {reason}; set QRLEDGER_QR_KEYS"))
