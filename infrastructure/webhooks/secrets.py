"""The secrets of webhooks, derived from a key in the ledger's home; none of them is stored.

A secret is HMAC-SHA256, under that key, of its purpose, owner and number. So the log, the database
and their backups hold no secret, a secret that was shown can be shown again to a repeated request,
and rotating is counting.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.merchants.standard_webhooks import Signer
from infrastructure.home_keys import make_key, read_key

FILE: Final = "webhook-secrets.key"
CACHED_MAX: Final = 4096


class DerivedSecrets:
    """`application.ports.webhooks.WebhookSecrets` from one key, read when it is first needed."""

    def __init__(self, read_key: Callable[[], bytes]) -> None:
        """Derive secrets.

        Args:
            read_key: returns the same 32 bytes each time.
        """
        self._read_key = read_key
        self._pair = lru_cache(CACHED_MAX)(self._make_pair)

    def signer(self, owner: str, number: int) -> Signer:
        """See the port."""
        return self._pair(owner, number)[0]

    def public_key(self, owner: str, number: int) -> bytes:
        """See the port."""
        return self._pair(owner, number)[1]

    def _make_pair(self, owner: str, number: int) -> tuple[Signer, bytes]:
        key = Ed25519PrivateKey.from_private_bytes(self._derive("v1a", owner, number))
        signer = Signer(self._derive("v1", owner, number), key.sign)
        return signer, key.public_key().public_bytes_raw()

    def _derive(self, purpose: str, owner: str, number: int) -> bytes:
        name = f"qrledger webhook {purpose} {owner} {number}"
        return hmac.digest(self._read_key(), name.encode(), "sha256")


def key_file(home: Path) -> Callable[[], bytes]:
    """Reads the key of a ledger's home, and makes it once, for every process of this machine."""

    @lru_cache(1)
    def read() -> bytes:
        path = home / FILE
        make_key(path)
        return read_key(path)

    return read
