"""The dynamic QR code: a URL of this ledger that identifies one payment session.

Written in upper case, which QR's alphanumeric mode encodes in a smaller symbol; read in any case.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from domain import ids
from domain.qr.errors import InvalidQr

PAYLOAD_CHARS_MAX: Final = 512
CACHE_SIZE_MAX: Final = 1024
"""Cached results: a scan is parsed to find its stream, and again to decide."""
_PORTS = {"http": 80, "https": 443}


def build(public_url: str, session_id: UUID) -> str:
    """The URL of a session's code, such as `HTTPS://PAY.EXAMPLE/Q/01H455VB4PEX5VSKNK084SN02Q`."""
    return f"{public_url}/q/{ids.encode_suffix(session_id)}".upper()


@lru_cache(CACHE_SIZE_MAX)
def parse(payload: str, public_url: str) -> UUID:
    """The id of the session that a scanned text identifies.

    Args:
        payload: the scanned text; surrounding white space is ignored.
        public_url: the ledger's origin, such as `https://pay.example`.

    Raises:
        InvalidQr: not a URL, another scheme, host or port, or not the URL of a session.
    """
    text = payload.strip()
    if len(text) > PAYLOAD_CHARS_MAX or not text.isascii() or not text.isprintable():
        raise InvalidQr(reason="it is not a URL")
    origin, _, suffix = text.lower().rpartition("/q/")
    if origin == public_url.lower():  # as `build` writes it: nearly every scan
        with suppress(ValueError):
            return ids.decode_suffix(suffix.removeprefix("ps_"))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidQr(reason="it is not a URL") from None
    if (parts.scheme, parts.hostname, port or _PORTS.get(parts.scheme)) != _origin(public_url):
        raise InvalidQr(reason="it points to another host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidQr(reason="it has user information, a query or a fragment")
    head, _, suffix = parts.path.lower().rpartition("/")
    if head != "/q":
        raise InvalidQr(reason="it is not the URL of a payment session")
    try:
        return ids.decode_suffix(suffix.removeprefix("ps_"))
    except ValueError:
        raise InvalidQr(reason="it is not the URL of a payment session") from None


@lru_cache(16)
def _origin(public_url: str) -> tuple[str, str | None, int | None]:
    ours = urlsplit(public_url)
    return ours.scheme, ours.hostname, ours.port or _PORTS.get(ours.scheme)
