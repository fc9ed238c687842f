"""Signatures of webhooks: Standard Webhooks 1.0.0, `v1` (HMAC-SHA256) and `v1a` (Ed25519).

Signed are the bytes `<webhook-id>.<webhook-timestamp>.<body>`, exactly as they are sent.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
PUBLIC_KEY_PREFIX: Final = "whpk_"
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64
SIGNATURES_MAX: Final = 20
"""How many signatures of a header are tried."""
TIMESTAMP_CHARS_MAX: Final = 12
TOLERANCE: Final = timedelta(minutes=5)
"""How far a timestamp may be from the receiver's clock, on either side."""

Sign = Callable[[bytes], bytes]
"""Ed25519 over the bytes as they are: 64 bytes."""
Verify = Callable[[bytes, bytes], bool]
"""Whether a signature (first) is of the bytes (second)."""


class Signer(NamedTuple):
    """One live secret of an endpoint."""

    secret: bytes
    sign: Sign


class BadSignature(ValueError):
    """A webhook that must not be believed."""


def secret_text(secret: bytes) -> str:
    """A secret as receivers are given it: `whsec_` and its base64.

    Raises:
        ValueError: not 24 to 64 bytes.
    """
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        msg = f"a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes"
        raise ValueError(msg)
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def public_key_text(raw: bytes) -> str:
    """A public key as receivers are given it: `whpk_` and its base64."""
    return PUBLIC_KEY_PREFIX + base64.b64encode(raw).decode()


def headers(
    signers: Sequence[Signer], *, webhook_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """The three headers of one attempt.

    Args:
        signers: every live secret, the newest first.
        webhook_id: the same for every attempt, without a dot.
        at: the real time of the attempt.
        body: the bytes that are sent.

    Raises:
        ValueError: the id has a dot, so what is signed would be ambiguous.
    """
    if "." in webhook_id:
        msg = "a webhook's id has no dot"
        raise ValueError(msg)
    timestamp = str(int(at.timestamp()))
    content = _content(webhook_id, timestamp, body)
    return {
        ID_HEADER: webhook_id,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: " ".join(_signatures(signers, content)),
    }


def verify(
    received: Mapping[str, str],
    body: bytes,
    *,
    secrets: Iterable[bytes],
    at: datetime,
    verify_ed25519: Verify = lambda _signature, _content: False,
) -> None:
    """Check a webhook as its receiver does.

    Args:
        received: the headers, names in lower case.
        body: the bytes that were received.
        secrets: what the receiver holds.
        at: the receiver's time.
        verify_ed25519: checks a signature with the receiver's public key.

    Raises (checked in this order):
        BadSignature: a header is missing or malformed.
        BadSignature: the timestamp is more than five minutes away, on either side.
        BadSignature: no signature is of these bytes.
    """
    try:
        webhook_id, timestamp = received[ID_HEADER], received[TIMESTAMP_HEADER]
        signatures = received[SIGNATURE_HEADER].split(" ")[:SIGNATURES_MAX]
    except KeyError:
        msg = "a header is missing"
        raise BadSignature(msg) from None
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= TIMESTAMP_CHARS_MAX):
        msg = "the timestamp is no number of seconds"
        raise BadSignature(msg)
    if abs(int(timestamp) - at.timestamp()) > TOLERANCE.total_seconds():
        msg = "the timestamp is too far away"
        raise BadSignature(msg)
    content = _content(webhook_id, timestamp, body)
    macs = [hmac.digest(secret, content, "sha256") for secret in secrets]
    for signature in signatures:
        version, _, encoded = signature.partition(",")
        raw = _decode(encoded)
        if version == "v1" and any(hmac.compare_digest(mac, raw) for mac in macs):
            return
        if version == "v1a" and verify_ed25519(raw, content):
            return
    msg = "no signature is of this body"
    raise BadSignature(msg)


def _content(webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{webhook_id}.{timestamp}.".encode() + body


def _signatures(signers: Sequence[Signer], content: bytes) -> Iterable[str]:
    for signer in signers:
        yield "v1," + base64.b64encode(hmac.digest(signer.secret, content, "sha256")).decode()
    for signer in signers:
        yield "v1a," + base64.b64encode(signer.sign(content)).decode()


def _decode(encoded: str) -> bytes:
    """Strict base64; empty if it is none, or not written as we write it."""
    try:
        raw = base64.b64decode(encoded.encode(), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if base64.b64encode(raw).decode() == encoded else b""
