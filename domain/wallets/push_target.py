"""Where a payer's device takes push notifications: what a subscription must look like.

Only the text is judged here. Whoever calls an endpoint also judges every address of its host, each
time.
"""

from __future__ import annotations

import re
from typing import Final

from domain.base64url import from_base64url
from domain.errors import InvalidRequest
from domain.merchants.webhook_url import check_webhook_url

AUTH_BYTES: Final = 16
POINT_BYTES: Final = 65
TOKEN_CHARS_MAX: Final = 4096
_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_TOKEN: Final = re.compile(r"[A-Za-z0-9_:.-]+")


def check_web_push(endpoint: str, p256dh: str, auth: str, *, loopback: bool = False) -> None:
    """Check a browser's subscription.

    Args:
        endpoint: the address at the browser's push service.
        p256dh: the browser's public key, base64url without padding.
        auth: the browser's secret, base64url without padding.
        loopback: whether this machine may be called.

    Raises (checked in this order):
        InvalidRequest: the endpoint may not be called; see `check_webhook_url`.
        InvalidRequest: the key is no uncompressed point of the curve P-256.
        InvalidRequest: the secret does not have 16 bytes.
    """
    check_webhook_url("endpoint", endpoint, loopback=loopback)
    if not _is_point(_bytes("keys.p256dh", p256dh)):
        raise InvalidRequest.of("keys.p256dh", "must be an uncompressed point of P-256")
    if len(_bytes("keys.auth", auth)) != AUTH_BYTES:
        raise InvalidRequest.of("keys.auth", f"must have {AUTH_BYTES} bytes")


def check_fcm(token: str) -> None:
    """Check the registration token of an app: `InvalidRequest`."""
    if not (len(token) <= TOKEN_CHARS_MAX and _TOKEN.fullmatch(token)):
        reason = f"must have 1 to {TOKEN_CHARS_MAX} letters, digits and the signs - . : _"
        raise InvalidRequest.of("token", reason)


def _bytes(name: str, text: str) -> bytes:
    try:
        return from_base64url(text)
    except ValueError:
        raise InvalidRequest.of(name, "must be base64url without padding") from None


def _is_point(raw: bytes) -> bool:
    """Whether these are the two coordinates of a point on the curve (SEC 1, 2.3.4)."""
    if len(raw) != POINT_BYTES or raw[0] != 4:  # noqa: PLR2004 - stands for "uncompressed"
        return False
    x, y = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
    return x < _P and y < _P and (y * y - (x * x * x - 3 * x + _B)) % _P == 0
