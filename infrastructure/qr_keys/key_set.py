"""The content of the key file: which keys there are, and its JSON text (format 1).

    {"format": 1,
     "keys": [{"id": "K7…", "public": "<base64url>", "private": "<base64url>" or null,
               "created_at": "…Z", "retired_at": null, "revoked_at": null}, …]}

Keys are listed oldest first. The last one signs; it alone has a private half.
"""

from __future__ import annotations

from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.ports.code_keys import PublicKey
from domain import times

FORMAT: Final = 1
KEYS_MAX: Final = 200
KEY_BYTES: Final = 32
ID_CHARS: Final = 8


class BadKeySet(ValueError):
    """The text is not a key file of this format; the message says why, without quoting it."""


class _Record(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    id: str
    public: str
    private: str | None
    created_at: str
    retired_at: str | None
    revoked_at: str | None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    keys: list[_Record]


class _Head(msgspec.Struct):
    format: int


@dataclass(frozen=True, slots=True)
class KeySet:
    """Every key; oldest first, never empty."""

    keys: tuple[PublicKey, ...]
    private: Ed25519PrivateKey
    """The private half of the last key."""

    @property
    def current(self) -> PublicKey:
        """The key that signs."""
        return self.keys[-1]

    def find(self, key_id: str) -> PublicKey | None:
        """The key of this id."""
        return next((key for key in self.keys if key.id == key_id), None)

    def rotated(self, private: Ed25519PrivateKey, at: datetime) -> KeySet:
        """With a new key that signs; the private half of the last one is dropped.

        Raises:
            BadKeySet: the set is full.
        """
        if len(self.keys) >= KEYS_MAX:
            msg = f"has {KEYS_MAX} keys: remove the oldest revoked ones from it"
            raise BadKeySet(msg)
        retired = replace(self.current, retired_at=at)
        return KeySet((*self.keys[:-1], retired, _public(private, at)), private)

    def revoked(self, key_id: str, replacement: Ed25519PrivateKey, at: datetime) -> KeySet:
        """With a key revoked, and replaced if it was the one that signs.

        A key that is revoked already keeps its time.

        Raises (checked in this order):
            BadKeySet: there is no such key, or no room for a replacement.
        """
        found = self.find(key_id)
        if found is None:
            msg = f"has no key {key_id!r}; `qrledger keys list-qr` shows them"
            raise BadKeySet(msg)
        if found.revoked_at is not None:
            return self
        others = self.rotated(replacement, at) if found is self.current else self
        keys = tuple(
            replace(key, revoked_at=at) if key.id == key_id else key for key in others.keys
        )
        return replace(others, keys=keys)

    def to_json(self) -> bytes:
        """The text of the file."""
        records = [
            {
                "id": key.id,
                "public": to_base64(key.raw),
                "private": to_base64(self.private.private_bytes_raw())
                if key is self.current
                else None,
                "created_at": times.to_text(key.created_at),
                "retired_at": _time_text(key.retired_at),
                "revoked_at": _time_text(key.revoked_at),
            }
            for key in self.keys
        ]
        text = msgspec.json.encode({"format": FORMAT, "keys": records})
        return msgspec.json.format(text, indent=2) + b"\n"


def first(private: Ed25519PrivateKey, at: datetime) -> KeySet:
    """A set of one key."""
    return KeySet((_public(private, at),), private)


def from_json(text: bytes) -> KeySet:
    """Read the text of the file.

    Raises (checked in this order):
        BadKeySet: not JSON, of a newer format, or not what `KeySet.to_json` writes.
    """
    found = _decode(text, _Head).format
    if found > FORMAT:
        msg = f"has format {found}; this program reads up to {FORMAT}"
        raise BadKeySet(msg)
    records = _decode(text, _File).keys
    if found != FORMAT or not 1 <= len(records) <= KEYS_MAX:
        msg = f"must have format {FORMAT} and 1 to {KEYS_MAX} keys"
        raise BadKeySet(msg)
    try:
        keys = tuple(_key(record) for record in records)
        private = Ed25519PrivateKey.from_private_bytes(_from_base64(records[-1].private or ""))
    except ValueError:
        msg = "has an id, a key or a time that is not valid"
        raise BadKeySet(msg) from None
    _check(keys, private, records)
    return KeySet(keys, private)


def _check(keys: tuple[PublicKey, ...], private: Ed25519PrivateKey, records: list[_Record]) -> None:
    """The rules between keys."""
    if len({key.id for key in keys}) < len(keys):
        msg = "lists a key twice"
        raise BadKeySet(msg)
    last = keys[-1]
    if private.public_key().public_bytes_raw() != last.raw or last.retired_at or last.revoked_at:
        msg = "must end with a key that can sign"
        raise BadKeySet(msg)
    if any(record.private or not record.retired_at for record in records[:-1]):
        msg = "must have one key only that can sign"
        raise BadKeySet(msg)


def _decode(text: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        msg = "is broken"
        raise BadKeySet(msg) from None


def _key(record: _Record) -> PublicKey:
    raw = _from_base64(record.public)
    if record.id != key_id(raw):
        raise ValueError
    return PublicKey(
        id=record.id,
        raw=raw,
        created_at=times.from_text(record.created_at),
        retired_at=_time(record.retired_at),
        revoked_at=_time(record.revoked_at),
    )


def key_id(raw: bytes) -> str:
    """The id of a public key: the first 40 bits of its SHA-256 in base32."""
    return b32encode(sha256(raw).digest()).decode()[:ID_CHARS]


def _public(private: Ed25519PrivateKey, at: datetime) -> PublicKey:
    raw = private.public_key().public_bytes_raw()
    return PublicKey(id=key_id(raw), raw=raw, created_at=at, retired_at=None, revoked_at=None)


def to_base64(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _from_base64(text: str) -> bytes:
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(raw) != KEY_BYTES or to_base64(raw) != text:
        raise ValueError
    return raw


def _time(text: str | None) -> datetime | None:
    return None if text is None else times.from_text(text)


def _time_text(at: datetime | None) -> str | None:
    return None if at is None else times.to_text(at)
