"""Keys of 32 bytes, each in a file in the ledger's home that only its owner may read."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from infrastructure import private_files

KEY_BYTES: Final = 32
OTHERS: Final = 0o077


class BadKeyFile(Exception):
    """The file does not hold the 32 bytes of a key, others may read it, or it cannot be made."""


def read_key(path: Path) -> bytes:
    """The key of a file.

    Raises (checked in this order):
        FileNotFoundError: there is none.
        BadKeyFile: it cannot be read, has another length, or other users may open it.
    """
    try:
        key, mode = path.read_bytes(), path.stat().st_mode
    except FileNotFoundError:
        raise
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise BadKeyFile(msg) from None
    if len(key) != KEY_BYTES or mode & OTHERS:
        msg = f"{path} must hold {KEY_BYTES} bytes and be readable by its owner only"
        raise BadKeyFile(msg)
    return key


def make_key(path: Path) -> bool:
    """Make the file with a new key, whole and at once, if there is none; returns whether it did.

    Of two processes that make it at the same time the first one wins.

    Raises:
        BadKeyFile: it cannot be written.
    """
    if path.exists():
        return False
    try:
        return _write(path)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise BadKeyFile(msg) from None


def _write(path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(8)}")
    private_files.write_new(draft, secrets.token_bytes(KEY_BYTES))
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
            return True
    finally:
        draft.unlink()
    return False
