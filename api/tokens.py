"""Tokens that travel in addresses and pages: signed, short-lived, good for one thing.

A *session token* shows one payment session a little more than its id does, at the checkout screen
or at the live socket, not both; it ends an hour after the session. A *page token* lets a browser
page act for one wallet for fifteen minutes, as long as the key lives that minted it.
Both are HMAC-SHA256 over length-prefixed parts, cut to 128 bits, with the ledger's own secret.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from uuid import UUID

from domain import ids

SESSION_TOKEN_GRACE: Final = timedelta(hours=1)
PAGE_TOKEN_LIFETIME: Final = timedelta(minutes=15)
REMEMBERED_MAX: Final = 4096
_MAC_CHARS = 32
_SESSION_PARTS = 2
_PAGE_PARTS = 5
_PAGE_USE = "page of a key"
"""Tokens that did not name their key were signed for `page`, and are not ours any more."""
_HEX = re.compile("0|[1-9a-f][0-9a-f]{0,15}")


class Use(StrEnum):
    """What a session token is good for. A checkout token may cancel, where the till allowed it."""

    CHECKOUT = "checkout"
    LIVE = "live"
    WATCH = "watch"
    """The live socket as the wallet page may hear it: the public part and no more."""


class BadToken(ValueError):
    """Not a token of ours, another session's, or no longer valid."""


class ExpiredToken(BadToken):
    """A token of ours whose time is over."""


@dataclass(frozen=True, slots=True)
class PageHolder:
    """Whom a page token stands for."""

    wallet_id: UUID
    key_id: UUID
    """The key that minted it: the token ends with it."""
    expires_at: datetime


class Tokens:
    """Mints and checks tokens with the ledger's secret (32 bytes)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._session_token = lru_cache(REMEMBERED_MAX)(self._make_session_token)

    def for_session(self, use: Use, session_id: UUID, expires_at: datetime) -> str:
        """A session's token; the same one every time, as the session's deadline never moves."""
        return self._session_token(use, session_id, _seconds(expires_at + SESSION_TOKEN_GRACE))

    def _make_session_token(self, use: Use, session_id: UUID, until: int) -> str:
        return f"{until:x}.{self._mac(use, str(session_id), str(until))}"

    def check_session(self, use: Use, token: str, session_id: UUID, now: datetime) -> None:
        """Whether the token is this session's, for this use, and still valid.

        Raises:
            BadToken: it is not.
        """
        parts = token.split(".")
        until = _hex(parts[0])
        if len(parts) != _SESSION_PARTS or until is None:
            msg = "not a session token"
            raise BadToken(msg)
        self._must_match(parts[1], use, str(session_id), str(until))
        if _seconds(now) >= until:
            msg = "the token has expired"
            raise ExpiredToken(msg)

    def for_page(self, wallet_id: UUID, key_id: UUID, now: datetime) -> tuple[str, datetime]:
        """A token for one wallet, minted with one key, and when it ends."""
        until = _seconds(now + PAGE_TOKEN_LIFETIME)
        wallet, key = ids.encode_suffix(wallet_id), ids.encode_suffix(key_id)
        mac = self._mac(_PAGE_USE, wallet, key, str(until))
        return f"qrw_{wallet}_{key}_{until:x}_{mac}", datetime.fromtimestamp(until, UTC)

    def check_page(self, token: str) -> PageHolder:
        """Whom the token stands for, if it is ours; whether it is still valid is not asked here.

        Raises:
            BadToken: not ours.
        """
        parts = token.split("_")
        ours = len(parts) == _PAGE_PARTS and parts[0] == "qrw"
        until = _hex(parts[3]) if ours else None
        if until is None:
            msg = "not a page token"
            raise BadToken(msg)
        self._must_match(parts[4], _PAGE_USE, parts[1], parts[2], str(until))
        wallet, key = ids.decode_suffix(parts[1]), ids.decode_suffix(parts[2])
        return PageHolder(wallet, key, datetime.fromtimestamp(until, UTC))

    def for_cursor(self, text: str) -> str:
        """A short check sum that keeps list cursors opaque."""
        return self._mac("cursor", text)[:12]

    def _mac(self, *parts: str) -> str:
        data = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.digest(self._secret, data, "sha256").hex()[:_MAC_CHARS]

    def _must_match(self, mac: str, *parts: str) -> None:
        if not hmac.compare_digest(mac.encode(), self._mac(*parts).encode()):
            msg = "the token is not ours"
            raise BadToken(msg)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _hex(text: str) -> int | None:
    """A number as tokens write it: the one spelling in lower case ASCII, or nothing."""
    return int(text, 16) if _HEX.fullmatch(text) else None
