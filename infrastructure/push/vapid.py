"""Identifies this server to push services: VAPID (RFC 8292)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from domain.base64url import to_base64url
from infrastructure.push.keys import PushKeys

LIFETIME: Final = timedelta(hours=12)
"""Of a token; RFC 8292, 2 allows a day, and clocks differ."""
PERIOD_SECONDS: Final = 21_600
"""How long a token is used again."""
ORIGINS_MAX: Final = 256
NUMBER_BYTES: Final = 32


class Vapid:
    """Makes the `Authorization` header. Thread-safe."""

    def __init__(self, keys: PushKeys, contact: str, wall_clock: Callable[[], datetime]) -> None:
        """Identify a server.

        Args:
            keys: have the key that signs.
            contact: an https or mailto URL that the push service may use; empty for none.
            wall_clock: real time, which push services compare with theirs.
        """
        self._keys = keys
        self._contact = contact
        self._wall_clock = wall_clock
        self._token = lru_cache(ORIGINS_MAX)(self._make_token)

    def header(self, endpoint: str) -> str:
        """The header for an endpoint; the same for six hours, as signing costs more than sending.

        Raises:
            SigningUnavailable: there is no key.
        """
        parts = urlsplit(endpoint)
        period = int(self._wall_clock().timestamp()) // PERIOD_SECONDS
        token = self._token(f"{parts.scheme}://{parts.netloc}", period)
        return f"vapid t={token}, k={self._keys.public_key()}"

    def _make_token(self, origin: str, period: int) -> str:
        """A JWT (RFC 7519) signed with ES256 (RFC 7518, 3.4)."""
        expires = period * PERIOD_SECONDS + int(LIFETIME.total_seconds())
        claims: dict[str, str | int] = {"aud": origin, "exp": expires}
        if self._contact:
            claims["sub"] = self._contact
        signed = f"{_part({'typ': 'JWT', 'alg': 'ES256'})}.{_part(claims)}"
        r, s = decode_dss_signature(self._keys.vapid.sign(signed.encode(), ECDSA(hashes.SHA256())))
        raw = r.to_bytes(NUMBER_BYTES, "big") + s.to_bytes(NUMBER_BYTES, "big")
        return f"{signed}.{to_base64url(raw)}"


def _part(members: dict[str, str] | dict[str, str | int]) -> str:
    return to_base64url(json.dumps(members, separators=(",", ":")).encode())
