"""Identifiers: UUIDs inside, TypeID text at the edge.

A public id is a prefix, an underscore and 26 characters of Crockford base32 (TypeID spec 0.3),
so `ps_01h455vb4pex5vsknk084sn02q` says what it names. Random ids are UUIDv7, made by whoever
calls the domain; derived ids are UUIDv8 (RFC 9562, 5.8), the same for the same parts for ever.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final
from uuid import UUID

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
SUFFIX_CHARS: Final = 26
REMEMBERED_MAX: Final = 16_384
"""How many texts are kept: a wallet's or a merchant's id is written many times a second."""
_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]
_SUFFIX = re.compile("[0-7][0-9a-hjkmnp-tv-z]{25}")
_PLAIN = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")  # what `int(…, 32)` reads

PREFIXES = {
    "ps": "payment session",
    "ord": "order",
    "wal": "wallet",
    "app": "wallet app",
    "mer": "merchant",
    "clm": "claim",
    "key": "API key",
    "kr": "key ring",
    "tur": "top-up reference",
    "evt": "event",
    "clk": "acceptance of the clock",
}


def encode(prefix: str, value: UUID) -> str:
    """Write an id as TypeID text, such as `ps_01h455vb4pex5vsknk084sn02q`."""
    return f"{prefix}_{encode_suffix(value)}"


@lru_cache(REMEMBERED_MAX)
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
    if not _SUFFIX.fullmatch(text):
        msg = f"expected {SUFFIX_CHARS} characters of base32, the first from 0 to 7"
        raise ValueError(msg)
    return UUID(int=int(text.translate(_PLAIN), 32))


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
