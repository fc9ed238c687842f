"""API keys: who may call, with what role. The secret is shown once; only its hash is kept."""

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
_CHECK_CHARS = 7
_TOKEN_PARTS = 5


class Role(StrEnum):
    """What a key's holder may do."""

    MERCHANT = "merchant"
    WALLET = "wallet"
    AUDITOR = "auditor"
    OPERATOR = "operator"

    @property
    def holder_prefix(self) -> str | None:
        """What a holder's id begins with; None for a role that has no holder."""
        return {Role.MERCHANT: "mer", Role.WALLET: "app"}.get(self)


@dataclass(frozen=True, slots=True)
class BearerKey:
    """A key as its holder presents it: `qrl_<live|test>_<role>_<id>_<secret>`."""

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
        """SHA-256 of the secret, hexadecimal. It has 256 random bits, so no slow hash is needed."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    @classmethod
    def make(cls, *, mode: str, role: Role, key_id: UUID, random: bytes) -> BearerKey:
        """Make a key from 32 random bytes; the last 7 characters are a check sum (CRC-32)."""
        secret = _base32(int.from_bytes(random, "big"), _SECRET_CHARS)
        return cls(mode, role, key_id, secret + _check(secret))

    @classmethod
    def parse(cls, text: str) -> BearerKey:
        """Read a key.

        Raises:
            ValueError: not of this form, or the check sum says it was mistyped.
        """
        parts = text.split("_")
        if len(parts) != _TOKEN_PARTS or parts[0] != "qrl" or parts[1] not in {"live", "test"}:
            msg = "not an API key"
            raise ValueError(msg)
        secret = parts[4]
        if len(secret) != _SECRET_CHARS + _CHECK_CHARS or not secret.isascii():
            msg = "not an API key"
            raise ValueError(msg)
        if _check(secret[:_SECRET_CHARS]) != secret[_SECRET_CHARS:]:
            msg = "the API key was mistyped"
            raise ValueError(msg)
        return cls(parts[1], Role(parts[2]), ids.decode_suffix(parts[3]), secret)


class ApiKey(LedgerAggregate):
    """A key of one role and, for merchants and wallet apps, one holder."""

    TOPIC = "key"

    class Event(Aggregate.Event):
        """Anything that happens to a key."""

        TOPIC = "key.event"

    class Issued(Event, Aggregate.Created):
        """The operator gave out a key."""

        TOPIC = "key.issued"
        role: str
        holder_id: str
        mode: str
        secret_hash: str

    class Revoked(Event):
        """The key opens nothing any more."""

        TOPIC = "key.revoked"

        def apply(self, aggregate: ApiKey) -> None:
            """It opens nothing."""
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
        """Record a key for a holder. How many may live is the key ring's to decide.

        Args:
            key: the new key; only the hash of its secret is recorded.
            holder_id: a merchant's or wallet app's id, else the role's name.
            at: the ledger's time, UTC.

        Raises:
            InvalidRequest: the holder is not one that a key of this role can have.
        """
        prefix = key.role.holder_prefix
        try:
            fits = ids.decode(prefix, holder_id) if prefix else holder_id == key.role.value
        except ValueError:
            fits = False
        if not fits:
            raise InvalidRequest.of("holder", f"a key of the role {key.role} needs its holder's id")
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
        """The id as the outside writes it."""
        return ids.encode("key", self.id)

    def opens(self, key: BearerKey) -> bool:
        """Whether the presented key is this one and lives; compared in constant time."""
        same = hmac.compare_digest(self.secret_hash, key.secret_hash)
        return same and not self.revoked and (self.role, self.mode) == (key.role, key.mode)

    def revoke(self, *, at: datetime) -> None:
        """Close the key; a second revocation changes nothing."""
        if not self.revoked:
            self.trigger_event(self.Revoked, timestamp=at)


def _base32(number: int, chars: int) -> str:
    return "".join(ids.ALPHABET[number >> 5 * i & 31] for i in reversed(range(chars)))


def _check(secret: str) -> str:
    return _base32(zlib.crc32(secret.encode()), _CHECK_CHARS)
