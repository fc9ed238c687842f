"""The sealer's signing keys, in a file that only its user can read.

    {"keys": [{"key": "PRIVATE+KEY+…", "created_at": "…Z", "signs_until": null}]}

A key's name is the origin of the log. After a rotation the old key signs beside the new one until
`signs_until`, so that whoever trusts only one of them can verify every checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from domain import times
from domain.audit import vkey
from domain.audit.errors import EvidenceError
from domain.audit.note import Checkpoint, Note
from domain.audit.vkey import KeyType, SigningKey
from infrastructure import private_files
from infrastructure.sealing.home import SealHomeError, write_durably

BYTES_MAX: Final = 262_144
OVERLAP: Final = timedelta(days=30)
"""How long a key signs beside the one that replaces it."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """A signing key and when it signs."""

    key: SigningKey
    created_at: datetime
    signs_until: datetime | None = None

    @property
    def id(self) -> str:
        """The eight hexadecimal digits of its key id."""
        return self.key.verifier.key_id.hex()

    @property
    def origin(self) -> str:
        """The log that it seals."""
        return self.key.verifier.name

    def signs_at(self, at: datetime) -> bool:
        """Whether it signs at an instant."""
        return self.signs_until is None or at < self.signs_until


def make_key(origin: str, seed: bytes, at: datetime) -> SealKey:
    """A new key of a log."""
    return SealKey(SigningKey.of(origin, KeyType.NOTE, seed), at)


def read(path: Path) -> list[SealKey]:
    """The keys of the file, oldest first; none if there is no file.

    Raises:
        SealHomeError: it cannot be read, other users may read or write it, it belongs to another
            user, or it does not hold keys. No message contains any of its text.
    """
    try:
        text = private_files.read(path, BYTES_MAX, owner="the sealer's")
    except FileNotFoundError:
        return []
    except private_files.UnusableFile as error:
        raise _bad(path, str(error)) from None
    try:
        return [_parse(one) for one in json.loads(text)["keys"]]
    except (ValueError, KeyError, TypeError, EvidenceError):
        raise _bad(path, "does not hold sealing keys") from None


def write(path: Path, keys: Sequence[SealKey]) -> None:
    """Replace the file.

    Raises:
        SealHomeError: it cannot be written.
    """
    listed = [
        {
            "key": one.key.private_text(),
            "created_at": times.to_text(one.created_at),
            "signs_until": one.signs_until and times.to_text(one.signs_until),
        }
        for one in keys
    ]
    write_durably(path, json.dumps({"keys": listed}, indent=2).encode() + b"\n")


def rotated(keys: Sequence[SealKey], new: SealKey, at: datetime) -> list[SealKey]:
    """The keys with a new one; those of its log that sign without an end get one in 30 days."""
    ending = [
        replace(one, signs_until=at + OVERLAP)
        if one.origin == new.origin and one.signs_until is None
        else one
        for one in keys
    ]
    return [*ending, new]


def sign(
    checkpoint: Checkpoint, keys: Sequence[SealKey], announced: Collection[str], at: datetime
) -> Note:
    """The checkpoint, signed by every key that signs now.

    Raises:
        SealHomeError: there is none.
    """
    return checkpoint.note(*signing(checkpoint.origin, keys, announced, at))


def signing(
    origin: str, keys: Sequence[SealKey], announced: Collection[str], at: datetime
) -> list[SigningKey]:
    """The announced keys of a log that sign at an instant, newest first.

    Raises:
        SealHomeError: there is none.
    """
    found = [
        one.key
        for one in reversed(keys)
        if one.origin == origin and one.id in announced and one.signs_at(at)
    ]
    if not found:
        text = (
            f"no key of {origin} is both in the key file and announced in the log: run "
            "`qrledger seal keys rotate` with this QRLEDGER_SEAL_HOME"
        )
        raise SealHomeError(text)
    return found


def _parse(one: dict[str, str | None]) -> SealKey:
    until = one["signs_until"]
    return SealKey(
        vkey.parse_private(str(one["key"])),
        times.from_text(str(one["created_at"])),
        None if until is None else times.from_text(until),
    )


def _bad(path: Path, reason: str) -> SealHomeError:
    return SealHomeError(f"the file of sealing keys {path} {reason}")
