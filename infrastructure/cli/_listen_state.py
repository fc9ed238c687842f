"""Where `listen` has got to, for each merchant and URL: one file each in the ledger's home."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from domain import ids
from infrastructure.cli import _support

FOLDER: Final = "listen"
STATE_BYTES_MAX: Final = 4096


class ListenState:
    """The position up to which everything was told or given up."""

    def __init__(self, path: Path, merchant_id: str, url: str) -> None:
        self._path = path
        self._facts = {"merchant_id": merchant_id, "forward_to": url}

    def read(self) -> int | None:
        """The position; None if there is none yet. An unreadable file ends the program."""
        try:
            with self._path.open("rb") as file:
                position = json.loads(file.read(STATE_BYTES_MAX))["position"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            position = None
        if not isinstance(position, int) or position < 0:
            _support.fail(f"{self._path} cannot be read: name a position with --after")
        return position

    def write(self, position: int) -> None:
        """Keep a position, whole and at once."""
        draft = self._path.with_suffix(".new")
        text = json.dumps({**self._facts, "position": position})
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
        draft.replace(self._path)


@contextmanager
def exclusive_state(home: Path, merchant_id: str, url: str) -> Iterator[ListenState]:
    """The state of a merchant and URL, for this process alone, until the kernel releases it."""
    folder = home / FOLDER
    path = folder / f"{ids.encode_suffix(ids.derive('listen', merchant_id, url))}.json"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        _support.fail(f"cannot write to {folder} ({error.strerror}): set QRLEDGER_HOME")
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _support.fail(f"another `qrledger listen` forwards events of {merchant_id} to {url}")
        yield ListenState(path, merchant_id, url)
    finally:
        os.close(lock)
