"""Logos of merchants: which files are taken. What a file is, its own bytes say, never its name.

The formats: PNG (ISO/IEC 15948), JPEG (ISO/IEC 10918-1) and WebP (RFC 9649). Never SVG, which can
hold scripts, and nothing that moves.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidRequest

LOGO_BYTES_MAX: Final = 16 * 1024
"""What a first visit of the checkout screen may load is 60 KB; the page itself has the rest."""
SIDE_PIXELS_MAX: Final = 1_024
SIDE_PIXELS_MIN: Final = 16
MEDIA_TYPES: Final = ("image/jpeg", "image/png", "image/webp")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8"
_START_OF_FRAME: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive; the others are not for pictures on pages."""
_START_OF_SCAN: Final = 0xDA
_MARKER: Final = 0xFF
_LOSSLESS: Final = 0x2F
_WEBP_HEADER_BYTES: Final = 10
_ANIMATED: Final = 0x02


class _NotAPictureError(Exception):
    """The bytes are not those of a picture that can be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """What is recorded of a logo; the file is kept beside the log, under its digest."""

    sha256: str
    """Of the file, in hexadecimal."""
    media_type: str
    width: int
    height: int

    def check(self) -> None:
        """Check every part.

        Raises:
            InvalidRequest: the digest is none, or the type or a side is out of range.
        """
        if not _SHA256.fullmatch(self.sha256) or self.media_type not in MEDIA_TYPES:
            raise InvalidRequest.of("logo", "must be a PNG, JPEG or WebP file")
        for side in (self.width, self.height):
            if not SIDE_PIXELS_MIN <= side <= SIDE_PIXELS_MAX:
                reason = f"must have sides of {SIDE_PIXELS_MIN} to {SIDE_PIXELS_MAX} pixels"
                raise InvalidRequest.of("logo", reason)


def read_logo(data: bytes) -> Logo:
    """Check a file, and say what it is.

    Raises (checked in this order):
        InvalidRequest: larger than 16 KiB; not a whole PNG, JPEG or WebP; animated; a side of
            less than 16 pixels or more than 1,024.
    """
    if len(data) > LOGO_BYTES_MAX:
        raise InvalidRequest.of("logo", f"may have at most {LOGO_BYTES_MAX} bytes")
    try:
        media_type, width, height = _read(data)
    except (_NotAPictureError, IndexError):
        raise InvalidRequest.of("logo", "must be a whole PNG, JPEG or WebP file") from None
    sha256 = hashlib.sha256(data).hexdigest()
    logo = Logo(sha256=sha256, media_type=media_type, width=width, height=height)
    logo.check()
    return logo


def _read(data: bytes) -> tuple[str, int, int]:
    if data.startswith(_PNG):
        return "image/png", *_png(data)
    if data.startswith(_JPEG):
        return "image/jpeg", *_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp", *_webp(data)
    raise _NotAPictureError


def _png(data: bytes) -> tuple[int, int]:
    """Chunks from the header to the end, and nothing after them."""
    at, kinds = len(_PNG), list[bytes]()
    while not kinds or kinds[-1] != b"IEND":
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        at += 12 + length
        if at > len(data):
            raise _NotAPictureError
        kinds.append(kind)
    if kinds[0] != b"IHDR" or b"IDAT" not in kinds or at != len(data):
        raise _NotAPictureError
    if b"acTL" in kinds:
        raise InvalidRequest.of("logo", "may not be animated")
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _jpeg(data: bytes) -> tuple[int, int]:
    """Segments up to the first scan; the file ends where its picture does."""
    if not data.endswith(b"\xff\xd9"):
        raise _NotAPictureError
    at, size = len(_JPEG), None
    while data[at] == _MARKER:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker in _START_OF_FRAME:
            size = int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        if marker == _START_OF_SCAN and size is not None:
            return size
        at += 2 + max(length, 2)
    raise _NotAPictureError


def _webp(data: bytes) -> tuple[int, int]:
    """One chunk for a picture, or a header before several chunks (RFC 9649, 2.5 to 2.7)."""
    if int.from_bytes(data[4:8], "little") + 8 != len(data):
        raise _NotAPictureError
    kind, body = data[12:16], data[20:30]
    if len(body) < _WEBP_HEADER_BYTES:
        raise _NotAPictureError
    if kind == b"VP8X":
        if body[0] & _ANIMATED:
            raise InvalidRequest.of("logo", "may not be animated")
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L" and body[0] == _LOSSLESS:
        sides = int.from_bytes(body[1:5], "little")
        return (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(body[at : at + 2], "little") for at in (6, 8))
        return width & 0x3FFF, height & 0x3FFF
    raise _NotAPictureError
