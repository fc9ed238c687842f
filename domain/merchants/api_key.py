"""API keys: a role and a holder. The secret is shown once; only its hash is stored."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest

SECRET_BYTES: Final = 32
_SECRET_CHARS = 52
_CHECKSUM_CHARS = 7
_TOKEN_PARTS = 5


class Role(StrEnum):
    """What the holder of a key may do."""

    MERCHANT = "merchant"
    WALLET = "wallet"
    AUDITOR = "auditor"
    OPERATOR = "operator"

    @property
    def holder_prefix(self) -> str | None:
        """The prefix of a holder's TypeID; None for roles without a holder."""
        return {Role.MERCHANT: "mer", Role.WALLET: "app"}.get(self)


@dataclass(frozen=True, slots=True)
class BearerKey:
    """A key as callers send it: `qrl_<live|test>_<role>_<id>_<secret>`."""

    mode: str
    role: Role
    key_id: UUID
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The whole key. A secret: never logged, never in a URL or an event."""
        return f"qrl_{self.mode}_{self.role}_{ids.encode_suffix(self.key_id)}_{self.secret}"

    @property
    def secret_hash(self) -> str:
        """SHA-256 of the secret, hexadecimal. With 256 random bits, no slow hash is needed."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    @classmethod
    def make(cls, *, mode: str, role: Role, key_id: UUID, random: bytes) -> BearerKey:
        """Create a key from 32 random bytes; its last 7 characters are a checksum (CRC-32)."""
        secret = _base32(int.from_bytes(random, "big"), _SECRET_CHARS)
        return cls(mode, role, key_id, secret + _checksum(secret))

    @classmethod
    def parse(cls, text: str) -> BearerKey:
        """Parse a key.

        Raises:
            ValueError: malformed, or the checksum does not match.
        """
        parts = text.split("_")
        if len(parts) != _TOKEN_PARTS or parts[0] != "qrl" or parts[1] not in {"live", "test"}:
            msg = "not an API key"
            raise ValueError(msg)
        secret = parts[4]
        if len(secret) != _SECRET_CHARS + _CHECKSUM_CHARS or not secret.isascii():
            msg = "not an API key"
            raise ValueError(msg)
        if _checksum(secret[:_SECRET_CHARS]) != secret[_SECRET_CHARS:]:
            msg = "the API key was mistyped"
            raise ValueError(msg)
        return cls(parts[1], Role(parts[2]), ids.decode_suffix(parts[3]), secret)


class ApiKey(LedgerAggregate):
    """A key of one role and, for merchants and wallet apps, one holder."""

    TOPIC = "key"

    class Event(Aggregate.Event):
        """The base of a key's events."""

        TOPIC = "key.event"

    class Issued(Event, Aggregate.Created):
        """The operator issued a key."""

        TOPIC = "key.issued"
        role: str
        holder_id: str
        mode: str
        secret_hash: str

    class Revoked(Event):
        """The operator revoked the key."""

        TOPIC = "key.revoked"

        def apply(self, aggregate: ApiKey) -> None:
            """The key is no longer valid."""
            aggregate.revoked = True

    @event(Issued)
    def __init__(self, role: str, holder_id: str, mode: str, secret_hash: str) -> None:
        self.role = Role(role)
        self.holder_id = holder_id
        self.mode = mode
        self.secret_hash = secret_hash
        self.revoked = False

    @classmethod
    def issue(cls, *, key: BearerKey, holder_id: str, at: datetime) -> ApiKey:
        """Issue a key. The key ring limits how many keys a holder may have.

        Args:
            key: the new key; only the hash of its secret is recorded.
            holder_id: a merchant's or wallet app's TypeID; for other roles, the role's name.
            at: the ledger's time, UTC.

        Raises:
            InvalidRequest: the holder does not fit the role.
        """
        prefix = key.role.holder_prefix
        try:
            valid = ids.decode(prefix, holder_id) if prefix else holder_id == key.role.value
        except ValueError:
            valid = False
        if not valid:
            raise InvalidRequest.of("holder", f"is not valid for a key with the role {key.role}")
        return cls._create(
            cls.Issued,
            id=key.key_id,
            timestamp=at,
            role=key.role.value,
            holder_id=holder_id,
            mode=key.mode,
            secret_hash=key.secret_hash,
        )

    @property
    def public_id(self) -> str:
        """Public TypeID."""
        return ids.encode("key", self.id)

    def accepts(self, key: BearerKey) -> bool:
        """Whether a presented key is this one and active; compared in constant time."""
        matches = hmac.compare_digest(self.secret_hash, key.secret_hash)
        return matches and not self.revoked and (self.role, self.mode) == (key.role, key.mode)

    def revoke(self, *, at: datetime) -> None:
        """Revoke the key; does nothing if it is revoked."""
        if not self.revoked:
            self.trigger_event(self.Revoked, timestamp=at)


def _base32(number: int, chars: int) -> str:
    return "".join(ids.ALPHABET[number >> 5 * i & 31] for i in reversed(range(chars)))


def _checksum(secret: str) -> str:
    return _base32(zlib.crc32(secret.encode()), _CHECKSUM_CHARS)
