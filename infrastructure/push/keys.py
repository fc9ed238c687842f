"""The key of push notifications, in one file of the ledger's home, and what is derived from it.

From its 32 bytes come the VAPID key, with which push services know this server (RFC 8292), and the
key that seals the subscriptions in the database. Browsers bind a subscription to the VAPID key, so
whoever replaces the file loses every subscription.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.errors import SigningUnavailable
from domain.base64url import to_base64url
from infrastructure import home_keys
from infrastructure.push.encryption import point

FILE: Final = "push.key"
NONCE_BYTES: Final = 12
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class NotSealedHere(Exception):
    """The bytes were sealed under another key, for another subscription, or were changed."""


class PushKeys:
    """The keys, read when they are first needed. Thread-safe."""

    def __init__(self, read_key: Callable[[], bytes]) -> None:
        """Derive keys.

        Args:
            read_key: returns the same 32 bytes each time, or raises `SigningUnavailable`.
        """
        self._read_key = read_key

    @cached_property
    def vapid(self) -> ec.EllipticCurvePrivateKey:
        """The key that signs for push services."""
        number = int.from_bytes(
            hmac.digest(self._read_key(), b"qrledger push vapid", "sha512"), "big"
        )
        return ec.derive_private_key(1 + number % (P256_ORDER - 1), ec.SECP256R1())

    def public_key(self) -> str:
        """The VAPID key's public half as browsers want it: base64url of an uncompressed point.

        Raises:
            SigningUnavailable: this process has no key.
        """
        return to_base64url(point(self.vapid.public_key()))

    def seal(self, plain: bytes, name: str) -> bytes:
        """Encrypt what only this server may read; `name` must be given again to open it."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, plain, name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """Decrypt what was sealed under a name.

        Raises:
            NotSealedHere: it was not sealed by this key under this name.
        """
        try:
            return self._sealing.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):
            raise NotSealedHere from None

    @cached_property
    def _sealing(self) -> AESGCM:
        return AESGCM(hmac.digest(self._read_key(), b"qrledger push seal", "sha256"))


def read_file(home: Path) -> Callable[[], bytes]:
    """Reads the key file of a ledger's home; `migrate` has made it.

    The result raises `SigningUnavailable` while the file is missing or cannot be used.
    """

    def read() -> bytes:
        try:
            return home_keys.read_key(home / FILE)
        except (FileNotFoundError, home_keys.BadKeyFile):
            raise SigningUnavailable from None

    return read
