"""The adapter of `CodeKeys`: keys from the key file, read again as soon as it has changed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from application.errors import SigningUnavailable
from application.ports.code_keys import PublicKey, SigningKey
from domain.qr.static_code import SignatureVerdict
from infrastructure.qr_keys import key_file
from infrastructure.qr_keys.key_set import KeySet

log = logging.getLogger(__name__)

Stamp = tuple[int, ...]
"""What changes when a file is replaced, written or has its mode changed."""
_ABSENT: Final[Stamp] = ()


class OnRead(Protocol):
    """Is told whether the file could be used, each time it was read."""

    def __call__(self, *, unusable: bool) -> None:
        """The file was read."""
        ...


def _ignore(*, unusable: bool) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What this process knows of the file."""

    stamp: Stamp
    problem: str
    """Why the file as it is now cannot be used; the keys are then those of before."""
    signing: SigningKey | None
    public: tuple[PublicKey, ...]
    by_id: Mapping[str, tuple[PublicKey, Ed25519PublicKey]]


class FileKeys:
    """Looks at the file before every answer, which costs one `stat`.

    A file that cannot be used does not interrupt anything: the keys last read stay in use, the
    reason is logged once, and `on_read` is told. Without any keys nothing can be signed, and
    every key is unknown.
    """

    def __init__(self, path: Path, on_read: OnRead = _ignore) -> None:
        self._path = path
        self._on_read = on_read
        self._lock = Lock()
        self._known = _Known((-1,), "", None, (), {})
        self._look()

    def current(self) -> SigningKey:
        """See `CodeKeys`."""
        known = self._look()
        if known.signing is None:
            raise SigningUnavailable
        return known.signing

    def verify(self, key_id: str, text: bytes, signature: bytes) -> SignatureVerdict:
        """See `CodeKeys`."""
        found = self._look().by_id.get(key_id)
        if found is None:
            return SignatureVerdict.UNKNOWN_KEY
        key, public = found
        if key.revoked_at is not None:
            return SignatureVerdict.REVOKED_KEY
        try:
            public.verify(signature, text)
        except InvalidSignature:
            return SignatureVerdict.BAD_SIGNATURE
        return SignatureVerdict.VALID

    def public_keys(self) -> Sequence[PublicKey]:
        """See `CodeKeys`."""
        return self._look().public

    def _look(self) -> _Known:
        """The keys of the file as it is now."""
        if _stamp(self._path) == self._known.stamp:
            return self._known
        with self._lock:
            stamp = _stamp(self._path)  # before the file is read, so that no change is missed
            if stamp != self._known.stamp:
                self._known = self._read(stamp)
            return self._known

    def _read(self, stamp: Stamp) -> _Known:
        before = self._known
        try:
            known = _known(stamp, key_file.read(self._path))
        except key_file.BadKeyFile as error:
            known = _Known(stamp, str(error), before.signing, before.public, before.by_id)
        if known.problem and known.problem != before.problem:
            log.error("%s; %s", known.problem, _consequence(known))
        elif before.problem and not known.problem:
            log.warning("the file of signing keys %s is in use again", self._path)
        self._on_read(unusable=bool(known.problem))
        return known


def _known(stamp: Stamp, keys: KeySet) -> _Known:
    return _Known(
        stamp=stamp,
        problem="",
        signing=SigningKey(keys.current.id, keys.private.sign),
        public=keys.keys,
        by_id={key.id: (key, Ed25519PublicKey.from_public_bytes(key.raw)) for key in keys.keys},
    )


def _consequence(known: _Known) -> str:
    if known.public:
        return "the keys last read stay in use"
    return "nothing can be signed and no static code can be paid"


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return _ABSENT
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
