"""Signing keys in memory, with the same rules as the key file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.errors import SigningUnavailable
from application.ports.code_keys import PublicKey, SigningKey
from domain.qr.static_code import SignatureVerdict

CREATED_AT = datetime(2026, 11, 1, tzinfo=UTC)


class MemoryKeys:
    """The last key of the list signs; tests rotate by adding one. A revoked key is replaced."""

    def __init__(self, *key_ids: str) -> None:
        self.private = {
            key_id: Ed25519PrivateKey.from_private_bytes(key_id.encode().ljust(32, b"."))
            for key_id in key_ids or ("K1",)
        }
        self.revoked: dict[str, datetime] = {}

    def rotate(self, key_id: str) -> None:
        self.private[key_id] = Ed25519PrivateKey.from_private_bytes(key_id.encode().ljust(32, b"."))

    def revoke(self, key_id: str, at: datetime = CREATED_AT) -> None:
        if key_id == list(self.private)[-1]:
            self.rotate(f"K{len(self.private) + 1}")
        self.revoked[key_id] = at

    def lose(self) -> None:
        """No key file any more, and this process has just been started."""
        self.private.clear()

    def current(self) -> SigningKey:
        if not self.private:
            raise SigningUnavailable
        key_id = list(self.private)[-1]
        return SigningKey(key_id, self.private[key_id].sign)

    def verify(self, key_id: str, text: bytes, signature: bytes) -> SignatureVerdict:
        if key_id not in self.private:
            return SignatureVerdict.UNKNOWN_KEY
        if key_id in self.revoked:
            return SignatureVerdict.REVOKED_KEY
        try:
            self.private[key_id].public_key().verify(signature, text)
        except InvalidSignature:
            return SignatureVerdict.BAD_SIGNATURE
        return SignatureVerdict.VALID

    def public_keys(self) -> Sequence[PublicKey]:
        last = next(reversed(self.private), "")
        return [
            PublicKey(
                id=key_id,
                raw=key.public_key().public_bytes_raw(),
                created_at=CREATED_AT,
                retired_at=None if key_id == last else CREATED_AT,
                revoked_at=self.revoked.get(key_id),
            )
            for key_id, key in self.private.items()
        ]
