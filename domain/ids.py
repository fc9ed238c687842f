"""Identifiers: UUIDs inside, TypeID text at the edge.

A public id is a prefix, an underscore and 26 characters of Crockford base32 (TypeID spec 0.3),
so `ps_01h455vb4pex5vsknk084sn02q` says what it names. Random ids are UUIDv7, made by whoever
calls the domain; derived ids are UUIDv8 (RFC 9562, 5.8), the same for the same parts for ever.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SUFFIX_CHARS = 26
_VALUES = {char: value for value, char in enumerate(ALPHABET)}
_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]

PREFIXES = {
    "ps": "payment session",
    "ord": "order",
    "wal": "wallet",
    "app": "wallet app",
    "mer": "merchant",
    "clm": "claim",
    "key": "API key",
    "evt": "event",
}


def encode(prefix: str, value: UUID) -> str:
    """Write an id as TypeID text, such as `ps_01h455vb4pex5vsknk084sn02q`."""
    return f"{prefix}_{encode_suffix(value)}"


def encode_suffix(value: UUID) -> str:
    """The 26 characters after the prefix, lower case."""
    number = value.int
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def decode(prefix: str, text: str) -> UUID:
    """Read TypeID text.

    Raises:
        ValueError: another prefix, a wrong length, a foreign character, or more than 128 bits.
    """
    head, separator, suffix = text.rpartition("_")
    if not separator or head != prefix:
        msg = f"expected an id that starts with {prefix}_"
        raise ValueError(msg)
    return decode_suffix(suffix)


def decode_suffix(text: str) -> UUID:
    """Read the 26 characters after the prefix, lower case only.

    Raises:
        ValueError: a wrong length, a foreign character, or more than 128 bits.
    """
    if len(text) != SUFFIX_CHARS or text[0] not in "01234567":
        msg = f"expected {SUFFIX_CHARS} characters of base32, the first from 0 to 7"
        raise ValueError(msg)
    number = 0
    for char in text:
        value = _VALUES.get(char)
        if value is None:
            msg = f"{char!r} is not in the base32 alphabet of ids"
            raise ValueError(msg)
        number = number << 5 | value
    return UUID(int=number)


def derive(*parts: str | bytes) -> UUID:
    """A UUIDv8 that is the same for the same parts: SHA-256 over the length-prefixed parts."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(4, "big") + data)
    number = int.from_bytes(digest.digest()[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76  # version 8
    number = number & ~(0x3 << 62) | 0x2 << 62  # variant 10
    return UUID(int=number)
