r"""Signatures of the generic PSP protocol: of our requests, and of callbacks, by the same rule.

psp-timestamp: 1763769600                  seconds since 1970
psp-nonce: 5f0c3f6b1c8e4c1f9f1a2b3c4d5e6f70
psp-signature: v1=<hex HMAC-SHA256 of "timestamp\nnonce\nMETHOD\n/path\n" + body>
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from application.ports.processor import CALLBACK_SECONDS_MAX, BadSignature

TIMESTAMP: Final = "psp-timestamp"
NONCE: Final = "psp-nonce"
SIGNATURE: Final = "psp-signature"
SECRET_BYTES_MIN: Final = 24
_TIMESTAMP: Final = re.compile("[0-9]{10}", re.ASCII)
_NONCE: Final = re.compile("[0-9a-f]{32}", re.ASCII)
_SIGNATURE: Final = re.compile("v1=[0-9a-f]{64}", re.ASCII)


def sign(
    secret: bytes, *, method: str, path: str, body: bytes, now: datetime, nonce: str
) -> dict[str, str]:
    """The headers that sign a request.

    Args:
        secret: shared by both sides.
        method: `POST`.
        path: of the request, with its leading slash and without a query.
        body: as it is sent.
        now: the time of signing.
        nonce: 32 hexadecimal digits, new for each request.
    """
    timestamp = f"{int(now.timestamp()):010}"
    mac = _mac(secret, timestamp, nonce, method, path, body)
    return {TIMESTAMP: timestamp, NONCE: nonce, SIGNATURE: f"v1={mac}"}


def verify(
    secret: bytes, headers: Mapping[str, str], *, method: str, path: str, body: bytes, now: datetime
) -> None:
    """Check who sent a request, and when.

    Args:
        secret: shared by both sides.
        headers: by lower-case names.
        method: `POST`.
        path: of the request.
        body: as it was received.
        now: the time of receiving it.

    Raises:
        BadSignature: a header is missing or malformed, another secret signed, or the time of
            signing is more than `CALLBACK_SECONDS_MAX` before or after now.
    """
    timestamp, nonce = headers.get(TIMESTAMP, ""), headers.get(NONCE, "")
    signature = headers.get(SIGNATURE, "")
    if not (
        _TIMESTAMP.fullmatch(timestamp)
        and _NONCE.fullmatch(nonce)
        and _SIGNATURE.fullmatch(signature)
    ):
        msg = "the headers of the signature are missing or malformed"
        raise BadSignature(msg)
    expected = _mac(secret, timestamp, nonce, method, path, body)
    if not hmac.compare_digest(signature.removeprefix("v1="), expected):
        msg = "the signature is not the processor's"
        raise BadSignature(msg)
    if abs(int(now.timestamp()) - int(timestamp)) > CALLBACK_SECONDS_MAX:
        msg = f"signed more than {CALLBACK_SECONDS_MAX} s ago or ahead"
        raise BadSignature(msg)


def _mac(secret: bytes, timestamp: str, nonce: str, method: str, path: str, body: bytes) -> str:
    signed = f"{timestamp}\n{nonce}\n{method}\n{path}\n".encode() + body
    return hmac.digest(secret, signed, "sha256").hex()
