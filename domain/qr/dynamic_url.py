"""The dynamic QR code: a URL of this ledger that identifies one payment session.

Written in upper case, which QR's alphanumeric mode encodes in a smaller symbol; read in any case.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from uuid import UUID

from domain import ids
from domain.qr import _address
from domain.qr._text import CHARS_MAX, check_length
from domain.qr.errors import Cause, InvalidQr

PAYLOAD_CHARS_MAX: Final = CHARS_MAX
CACHE_SIZE_MAX: Final = 1024
"""Cached results: a scan is parsed to find its stream, and again to decide."""
_PATH: Final = "q/"
_TYPE: Final = "ps_"


def build(public_url: str, session_id: UUID) -> str:
    """The URL of a session's code, such as `HTTPS://PAY.EXAMPLE/Q/01H455VB4PEX5VSKNK084SN02Q`."""
    return f"{public_url}/{_PATH}{ids.encode_suffix(session_id)}".upper()


@lru_cache(CACHE_SIZE_MAX)
def parse(payload: str, public_url: str) -> UUID:
    """The id of the session that a scanned text identifies.

    Args:
        payload: the scanned text; spaces, tabs and line ends around it are ignored.
        public_url: the ledger's origin, such as `https://pay.example`.

    Raises (checked in this order):
        InvalidQr: too long; control characters; not a URL; another scheme; user information;
            another host or port; not exactly the address of a session. States the offset in the
            payload, in characters.
    """
    check_length(payload)
    text = payload.rstrip(_address.WHITE_SPACE)
    start = len(text) - len(text.lstrip(_address.WHITE_SPACE))
    at = _address.path_offset(text, public_url, start=start)
    path = text[at:].lower()
    try:
        if path.startswith(_PATH):
            return ids.decode_suffix(path.removeprefix(_PATH).removeprefix(_TYPE))
    except ValueError:
        pass
    reason = "it is not the URL of a payment session"
    raise InvalidQr(cause=Cause.OTHER_ADDRESS, reason=reason, offset=at)
