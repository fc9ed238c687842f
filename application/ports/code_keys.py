"""The keys that sign static codes and offers. They are kept outside the event log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.qr.static_code import Sign, SignatureVerdict


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that signs at present."""

    id: str
    """1 to 16 upper-case letters and digits."""
    sign: Sign
    """Ed25519 (RFC 8032) over the bytes as they are."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What the outside may know of a key."""

    id: str
    raw: bytes
    """The 32 bytes of an Ed25519 public key."""
    created_at: datetime
    retired_at: datetime | None
    """Signs nothing new since then; its signatures stay valid. None: it signs at present."""
    revoked_at: datetime | None
    """None of its signatures is valid since then."""


class CodeKeys(Protocol):
    """Signs, judges signatures and lists the keys. Thread-safe and quick."""

    def current(self) -> SigningKey:
        """The key that signs at present.

        Raises:
            SigningUnavailable: this process has no key.
        """
        ...

    def verify(self, key_id: str, text: bytes, signature: bytes) -> SignatureVerdict:
        """Judge a signature. Revoking a key takes effect at once, in every process."""
        ...

    def public_keys(self) -> Sequence[PublicKey]:
        """Every key, oldest first, revoked ones included."""
        ...
