"""Encryption of web push messages: RFC 8291 over RFC 8188, one record for each message."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SALT_BYTES: Final = 16
RECORD_BYTES: Final = 4096
PLAIN_BYTES_MAX: Final = 3000
"""What every push service takes, and less than one record holds (RFC 8291, 4)."""
LAST_RECORD: Final = b"\x02"


class TooLong(ValueError):
    """The message has more bytes than push services must take."""


def encrypt(
    plain: bytes,
    *,
    receiver: bytes,
    auth: bytes,
    server: EllipticCurvePrivateKey,
    salt: bytes,
) -> bytes:
    """The body of a push message (`Content-Encoding: aes128gcm`).

    Args:
        plain: the message, at most 3,000 bytes.
        receiver: the browser's public key, an uncompressed point of P-256 (`p256dh`).
        auth: the browser's 16 secret bytes.
        server: a key that is used for this message only.
        salt: 16 random bytes, new for each message.

    Raises:
        TooLong: the message is too long.
        ValueError: the receiver's key is no point of the curve.
    """
    if len(plain) > PLAIN_BYTES_MAX:
        msg = f"a push message has at most {PLAIN_BYTES_MAX} bytes"
        raise TooLong(msg)
    ours = point(server.public_key())
    theirs = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), receiver)
    info = b"WebPush: info\0" + receiver + ours
    secret = _derive(auth, server.exchange(ECDH(), theirs), info, 32)
    key = _derive(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(salt, secret, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + AESGCM(key).encrypt(nonce, plain + LAST_RECORD, None)


def point(key: EllipticCurvePublicKey) -> bytes:
    """A public key as 65 bytes: an uncompressed point (X9.62)."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _derive(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)
