"""Keys of C2SP signed notes: Ed25519 for logs (type 1), `cosignature/v1` for witnesses (type 4).

A verifier key (vkey) is `<name>+<8 hex digits of the key id>+<base64 of type and public key>`; the
key id is the beginning of SHA-256 over name, newline, type and public key. Neither of the
algorithms commits to the name, so that a key must be used under one name only.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature as NotItsSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.audit.errors import BadSignature, MalformedKey

NAME_CHARS_MAX: Final = 255
KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
TIME_BYTES: Final = 8
TIME_MAX: Final = 2**63 - 1
_KEY_ID_BYTES: Final = 4
_PRIVATE: Final = "PRIVATE+KEY+"


class KeyType(IntEnum):
    """What a key signs, and how."""

    NOTE = 1
    """The text of the note: a log."""
    COSIGNATURE = 4
    """A time and the text of the note: a witness."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a key under its name."""

    name: str
    type: KeyType
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that a signature begins with."""
        return sha256(f"{self.name}\n".encode() + self._typed).digest()[:_KEY_ID_BYTES]

    @property
    def _typed(self) -> bytes:
        return bytes([self.type]) + self.public

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(self._typed).decode()}"

    def verify(self, text: str, signature: bytes) -> int | None:
        """Check a signature of a note's text; returns a witness's time (seconds since 1970).

        Raises:
            BadSignature: of another length, or not this key's signature of the text.
        """
        time = None
        message = text.encode()
        if self.type is KeyType.COSIGNATURE:
            time = int.from_bytes(signature[:TIME_BYTES], "big")
            message = cosigned(text, time)
            signature = signature[TIME_BYTES:]
        if len(signature) != SIGNATURE_BYTES or (time or 0) > TIME_MAX:
            raise BadSignature(reason=f"the signature of {self.name} has another length")
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except NotItsSignature:
            raise BadSignature(reason=f"the signature of {self.name} is not valid") from None
        return time


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Both halves of a key. Its `repr` does not show the private one."""

    verifier: VerifierKey
    _seed: bytes

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier})"

    @classmethod
    def of(cls, name: str, type: KeyType, seed: bytes) -> SigningKey:
        """The key of a seed of 32 random bytes.

        Raises:
            MalformedKey: the name is not acceptable, or the seed has another length.
        """
        check_name(name)
        if len(seed) != KEY_BYTES:
            raise MalformedKey(reason=f"the seed of a key has {KEY_BYTES} bytes")
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return cls(VerifierKey(name, type, public), seed)

    def private_text(self) -> str:
        """The text for a key file, as Go's `note` package writes it."""
        typed = bytes([self.verifier.type]) + self._seed
        return (
            f"{_PRIVATE}{self.verifier.name}+{self.verifier.key_id.hex()}"
            f"+{b64encode(typed).decode()}"
        )

    def sign(self, text: str, *, time: int | None = None) -> bytes:
        """The signature of a note's text; a witness's contains its time (seconds since 1970)."""
        private = Ed25519PrivateKey.from_private_bytes(self._seed)
        if self.verifier.type is KeyType.NOTE:
            return private.sign(text.encode())
        if time is None or not 0 <= time <= TIME_MAX:
            msg = "a cosignature needs a time since 1970"
            raise ValueError(msg)
        return time.to_bytes(TIME_BYTES, "big") + private.sign(cosigned(text, time))


def cosigned(text: str, time: int) -> bytes:
    """What a witness signs (`cosignature/v1`)."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def parse(vkey: str) -> VerifierKey:
    """The key of its text.

    Raises:
        MalformedKey: not of the form of a vkey, of another algorithm, or with another key id.
    """
    name, typed, key_id = _split(vkey, "a verifier key")
    key = VerifierKey(name, KeyType(typed[0]), typed[1:])
    _check_id(key, key_id)
    return key


def parse_private(text: str) -> SigningKey:
    """The signing key of the text of a key file. No message contains any of the text.

    Raises:
        MalformedKey: not of the form of a signing key, of another algorithm, or with another id.
    """
    if not text.startswith(_PRIVATE):
        raise MalformedKey(reason="this is not a signing key")
    name, typed, key_id = _split(text.removeprefix(_PRIVATE), "a signing key")
    key = SigningKey.of(name, KeyType(typed[0]), typed[1:])
    _check_id(key.verifier, key_id)
    return key


def check_name(name: str) -> None:
    """Check the name of a key.

    Raises:
        MalformedKey: empty, over 255 characters, or with spaces, `+` or unprintable characters.
    """
    if not name or len(name) > NAME_CHARS_MAX:
        raise MalformedKey(reason=f"the name of a key has 1 to {NAME_CHARS_MAX} characters")
    if not name.isprintable() or " " in name or "+" in name:
        raise MalformedKey(
            reason="the name of a key has no spaces, plus signs or unprintable characters"
        )


def decode_base64(text: str) -> bytes:
    """The bytes of standard base64 with padding; each has exactly one text.

    Raises:
        ValueError: anything else.
    """
    data = b64decode(text, validate=True)
    if b64encode(data).decode() != text:
        msg = "not the canonical base64 of its bytes"
        raise ValueError(msg)
    return data


def _split(text: str, kind: str) -> tuple[str, bytes, str]:
    parts = text.split("+", 2)
    if len(parts) != 3:  # noqa: PLR2004 - name, id, key
        raise MalformedKey(reason=f"{kind} has the form <name>+<key id>+<base64>")
    name, key_id, encoded = parts
    check_name(name)
    try:
        typed = decode_base64(encoded)
    except ValueError as error:
        raise MalformedKey(reason=f"{kind} ends with base64") from error
    if not typed or typed[0] not in {one.value for one in KeyType} or len(typed) != 1 + KEY_BYTES:
        raise MalformedKey(reason=f"{kind} is one of Ed25519, of the type 1 (log) or 4 (witness)")
    return name, typed, key_id


def _check_id(key: VerifierKey, key_id: str) -> None:
    if key.key_id.hex() != key_id:
        raise MalformedKey(reason="the key has another id than its text says")
