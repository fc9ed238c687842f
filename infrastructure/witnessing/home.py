"""The folder of a witness, QRLEDGER_WITNESS_HOME: its key, the logs it knows, its memory.

key     the signing key, for the witness's user only
logs    the logs that it cosigns (C2SP tlog-policy: `log <vkey>` lines and `quorum none`)
heads/  of each log the note that was cosigned last (`memory.py`)
lock    held by the witness that is running
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from domain.audit import policy, vkey
from domain.audit.errors import EvidenceError
from domain.audit.policy import POLICY_BYTES_MAX
from domain.audit.vkey import KeyType, SigningKey, VerifierKey
from infrastructure import private_files
from infrastructure.private_files import FOLDER_MODE, sync_folder, write_new
from infrastructure.witnessing.memory import FileMemory

KEY_BYTES_MAX: Final = 4096


class WitnessHomeError(Exception):
    """The folder or a file in it cannot be used; the message says which and why."""


class WitnessHome:
    """The folder of one witness."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = folder / "key"
        self._heads = folder / "heads"

    def make(self, name: str, seed: bytes) -> VerifierKey:
        """Make the folder with a new key, no memory, and no logs.

        Raises (checked in this order):
            WitnessHomeError: there is a key or a memory already, or the folder cannot be written.
            MalformedKey: the name is not acceptable.
        """
        key = SigningKey.of(name, KeyType.COSIGNATURE, seed)
        if self._key.exists() or self._heads.exists():
            raise _bad(self.folder, "has a witness already: a new one has a folder of its own")
        try:
            self._heads.mkdir(mode=FOLDER_MODE, parents=True)
            write_new(self._key, f"{key.private_text()}\n".encode())
            logs = self.folder / "logs"
            if not logs.exists():
                write_new(logs, b"# log <verifier key>\nquorum none\n")
            sync_folder(self.folder)
        except OSError as error:
            raise _bad(self.folder, f"cannot be written: {error.strerror}") from None
        return key.verifier

    def key(self) -> SigningKey:
        """The witness's key.

        Raises:
            WitnessHomeError: there is none, it cannot be read, other users may read or write it,
                it belongs to another user, or it is no key of a witness. No message contains it.
        """
        try:
            text = private_files.read(self._key, KEY_BYTES_MAX, owner="the witness's")
        except FileNotFoundError:
            raise _bad(self._key, "does not exist: `qrledger witness init NAME` makes it") from None
        except private_files.UnusableFile as error:
            raise _bad(self._key, str(error)) from None
        try:
            key = vkey.parse_private(text.decode().removesuffix("\n"))
        except (UnicodeDecodeError, EvidenceError):
            raise _bad(self._key, "does not hold a signing key") from None
        if key.verifier.type is not KeyType.COSIGNATURE:
            raise _bad(self._key, "holds the key of a log, not of a witness")
        return key

    def logs(self) -> Sequence[VerifierKey]:
        """The keys of the logs that the witness knows.

        Raises:
            WitnessHomeError: the file cannot be read, is no policy, or names no log.
        """
        path = self.folder / "logs"
        try:
            with path.open("rb") as file:
                found = policy.parse(file.read(POLICY_BYTES_MAX + 1)).logs
        except OSError as error:
            raise _bad(path, f"cannot be read: {error.strerror}") from None
        except EvidenceError as error:
            raise _bad(path, f"is not a list of logs: {error}") from None
        if not found:
            raise _bad(path, "names no log: add a line `log` and the log's verifier key")
        return found

    def memory(self) -> FileMemory:
        """The heads that were cosigned.

        Raises:
            WitnessHomeError: the folder is missing. A witness that has lost its memory could
                cosign a second history, so that it needs a new key.
        """
        if not self._heads.is_dir():
            raise _bad(
                self._heads,
                "is missing: a witness without its memory must not sign with its old key. Make a "
                "new one in another folder, and have the old key taken out of every policy",
            )
        return FileMemory(self._heads)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock; the kernel releases it when the process ends.

        Raises:
            WitnessHomeError: another witness is running with this folder, or there is none.
        """
        path = self.folder / "lock"
        with ExitStack() as stack:
            try:
                stack.enter_context(private_files.locked(path))
            except private_files.UnusableFile as error:
                raise _bad(path, str(error)) from None
            except private_files.LockHeld:
                raise _bad(self.folder, "is in use by another witness") from None
            yield


def _bad(path: Path, reason: str) -> WitnessHomeError:
    return WitnessHomeError(f"{path} {reason}")
