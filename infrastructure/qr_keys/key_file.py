"""The key file: read, created, and replaced whole by one writer at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure import private_files
from infrastructure.private_files import FOLDER_MODE
from infrastructure.qr_keys import key_set
from infrastructure.qr_keys.key_set import BadKeySet, KeySet

BYTES_MAX: Final = 262_144
LOCK_SECONDS: Final = 5
HOW_TO_GET: Final = "copy it from another machine, or make it with `qrledger keys rotate-qr`"
HOW_TO_MOVE: Final = "; set QRLEDGER_QR_KEYS"


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
        text = private_files.read(path, BYTES_MAX)
    except FileNotFoundError:
        raise NoKeyFile(_line(path, f"does not exist: {HOW_TO_GET}")) from None
    except private_files.UnusableFile as error:
        raise BadKeyFile(_line(path, str(error))) from None
    try:
        return key_set.from_json(text)
    except BadKeySet as error:
        raise BadKeyFile(_line(path, str(error))) from None


def create_if_absent(path: Path, private: Ed25519PrivateKey, at: datetime) -> KeySet | None:
    """Make the file with a first key; None if there is one, which is checked and left alone.

    Raises:
        BadKeyFile: the file that is there cannot be used, or none can be written.
    """
    if _is_usable(path):  # it may be on a file system that is mounted read-only
        return None
    with _locked(path):
        if _is_usable(path):
            return None
        made = key_set.first(private, at)
        _write(path, made)
    return made


def _is_usable(path: Path) -> bool:
    """Whether there is a file; one that cannot be used is refused."""
    try:
        read(path)
    except NoKeyFile:
        return False
    return True


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
    with ExitStack() as stack:
        try:
            path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            lock = path.with_name(path.name + ".lock")
            stack.enter_context(private_files.locked(lock, wait_seconds=LOCK_SECONDS))
        except private_files.LockHeld:
            text = "is being changed by another command: try again"
            raise BadKeyFile(_line(path, text)) from None
        except private_files.UnusableFile as error:
            raise BadKeyFile(_line(path, f"{error}{HOW_TO_MOVE}")) from None
        except (OSError, ValueError) as error:
            raise _unwritable(path, error) from None
        yield


def _write(path: Path, keys: KeySet) -> None:
    """Write a new file, and rename it when it is on the disk: no reader sees half of it."""
    try:
        private_files.replace(path.resolve(), keys.to_json())
    except OSError as error:
        raise _unwritable(path, error) from None


def _line(path: Path, reason: str) -> str:
    return f"the file of signing keys {path} {reason}"


def _unwritable(path: Path, error: Exception) -> BadKeyFile:
    return BadKeyFile(_line(path, f"cannot be written: {private_files.why(error)}{HOW_TO_MOVE}"))
