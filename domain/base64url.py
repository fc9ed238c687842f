"""Base64url without padding (RFC 4648, 5; RFC 7515, 2)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


def to_base64url(raw: bytes) -> str:
    """The text of some bytes."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """The bytes of a text.

    Raises:
        ValueError: not the text that `to_base64url` writes.
    """
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_base64url(raw) != text:
        msg = "not base64url without padding"
        raise ValueError(msg)
    return raw
