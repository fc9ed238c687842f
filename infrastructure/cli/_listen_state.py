"""Where `listen` has got to, for each merchant and URL: one file each in the ledger's home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from domain import ids
from infrastructure import private_files
from infrastructure.cli import _support
from infrastructure.private_files import LockHeld, UnusableFile

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
        text = json.dumps({**self._facts, "position": position})
        private_files.replace(self._path, f"{text}\n".encode())


@contextmanager
def exclusive_state(home: Path, merchant_id: str, url: str) -> Iterator[ListenState]:
    """The state of a merchant and URL, for this process alone, until the kernel releases it."""
    folder = home / FOLDER
    path = folder / f"{ids.encode_suffix(ids.derive('listen', merchant_id, url))}.json"
    with ExitStack() as held:
        try:
            folder.mkdir(mode=private_files.FOLDER_MODE, parents=True, exist_ok=True)
            held.enter_context(private_files.locked(path.with_suffix(".lock")))
        except LockHeld:
            _support.fail(f"another `qrledger listen` forwards events of {merchant_id} to {url}")
        except (OSError, UnusableFile) as error:
            reason = getattr(error, "strerror", None) or error
            _support.fail(f"cannot write to {folder} ({reason}): set QRLEDGER_HOME")
        yield ListenState(path, merchant_id, url)
