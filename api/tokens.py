"""Signed, short-lived tokens that travel in URLs and pages, each for a single use (ADR 18).

A *session token* gives access to a little more of one payment session than its id does, either on
the checkout screen or on the live socket. It expires an hour after the session. A *page token* lets
a browser page act for one wallet for fifteen minutes, as long as its API key is valid. A *live
ticket* opens one socket for all sessions of a merchant, within a minute. A *dashboard token* is a
link to a merchant's dashboards, used once, or the cookie that it is exchanged for; it ends with the
API key that made the link. All carry an HMAC-SHA256 over length-prefixed parts, truncated to 128
bits, under the ledger's own secret.
The first part names the use, so that no token is valid for another one.
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
DASHBOARD_TOKEN_CHARS_MAX: Final = 160
TICKET_LIFETIME: Final = timedelta(seconds=60)
CACHED_TOKENS_MAX: Final = 4096
_MAC_CHARS = 32
_CURSOR_MAC_CHARS = 12
_SESSION_PARTS = 2
_PAGE_PARTS = 5
_DASHBOARD_PARTS = 6
_TICKET_PARTS = 6
_PAGE_USE = "page of a key"
"""Not `page`: the page tokens of early versions, which named no key, were signed for that."""
_TICKET_USE = "live ticket"
_HEX = re.compile("0|[1-9a-f][0-9a-f]{0,15}")


class Use(StrEnum):
    """What a session token is valid for."""

    CHECKOUT = "checkout"
    """The checkout screen; may cancel the session if the merchant allowed it."""
    RETURN = "return"
    """The page that a payer comes back to from a processor, which sees the token."""
    LIVE = "live"
    WATCH = "watch"
    """The live socket, limited to the public part of the session, as on the wallet page."""


class DashboardUse(StrEnum):
    """What a dashboard token is valid for."""

    LINK = "link to a dashboard"
    COOKIE = "cookie of a dashboard"


class BadToken(ValueError):
    """Not one of our tokens, or not valid for this session, this use or this time."""


class ExpiredToken(BadToken):
    """One of our tokens, after its expiry."""


@dataclass(frozen=True, slots=True)
class PageHolder:
    """The wallet and the key of a page token."""

    wallet_id: UUID
    key_id: UUID
    """The API key that minted the token, which is valid only as long as the key."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DashboardHolder:
    """The merchant and the key of a dashboard token."""

    merchant_id: UUID
    """`EVERY_MERCHANT` if the key is an auditor's."""
    key_id: UUID
    """The API key that made the link; `OPERATOR_KEY` if the operator's program did."""
    expires_at: datetime


EVERY_MERCHANT: Final = UUID(int=0)
"""In place of a merchant's id: an auditor reads all of them."""
OPERATOR_KEY: Final = UUID(int=0)
"""In place of a key's id: the operator's program has none."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A live ticket: whose sessions it shows, and for which key it was issued."""

    id: UUID
    """Where its one use is noted; see `application.ports.live_tickets`."""
    merchant_id: UUID
    key_id: UUID
    """The API key that it was issued for; what it opens ends with the key."""
    expires_at: datetime


class Tokens:
    """Mints and checks tokens with the ledger's secret (32 bytes)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._session_token = lru_cache(CACHED_TOKENS_MAX)(self._make_session_token)

    def for_session(self, use: Use, session_id: UUID, expires_at: datetime) -> str:
        """A session's token for one use; always the same, since a session's expiry is fixed."""
        return self._session_token(use, session_id, _seconds(expires_at + SESSION_TOKEN_GRACE))

    def _make_session_token(self, use: Use, session_id: UUID, until: int) -> str:
        return f"{until:x}.{self._mac(use, str(session_id), str(until))}"

    def check_session(self, use: Use, token: str, session_id: UUID, now: datetime) -> None:
        """Check that a token is valid for a session, a use and a time.

        Raises (checked in this order):
            BadToken: it is not one of ours, or of another session or use.
            ExpiredToken: it has expired.
        """
        parts = token.split(".")
        until = _hex(parts[0])
        if len(parts) != _SESSION_PARTS or until is None:
            msg = "not a session token"
            raise BadToken(msg)
        self._check_mac(parts[1], use, str(session_id), str(until))
        if _seconds(now) >= until:
            msg = "the token has expired"
            raise ExpiredToken(msg)

    @staticmethod
    def session_token_expiry(token: str) -> datetime:
        """When a session's token that has been checked ends."""
        return datetime.fromtimestamp(_hex(token.partition(".")[0]) or 0, UTC)

    def for_page(self, wallet_id: UUID, key_id: UUID, now: datetime) -> tuple[str, datetime]:
        """A token for one wallet, minted with one API key, and its expiry."""
        until = _seconds(now + PAGE_TOKEN_LIFETIME)
        wallet, key = ids.encode_suffix(wallet_id), ids.encode_suffix(key_id)
        mac = self._mac(_PAGE_USE, wallet, key, str(until))
        return f"qrw_{wallet}_{key}_{until:x}_{mac}", datetime.fromtimestamp(until, UTC)

    def check_page(self, token: str) -> PageHolder:
        """The holder of a page token. The caller checks the expiry and the key.

        Raises:
            BadToken: it is not one of ours.
        """
        parts = token.split("_")
        until = _hex(parts[3]) if len(parts) == _PAGE_PARTS and parts[0] == "qrw" else None
        if until is None:
            msg = "not a page token"
            raise BadToken(msg)
        self._check_mac(parts[4], _PAGE_USE, parts[1], parts[2], str(until))
        wallet, key = ids.decode_suffix(parts[1]), ids.decode_suffix(parts[2])
        return PageHolder(wallet, key, datetime.fromtimestamp(until, UTC))

    def for_dashboard(self, use: DashboardUse, holder: DashboardHolder, number: UUID) -> str:
        """A token for the dashboards of one merchant; `number` tells tokens of one second apart."""
        parts = [ids.encode_suffix(one) for one in (holder.merchant_id, holder.key_id, number)]
        until = _seconds(holder.expires_at)
        return "_".join(("qrd", *parts, f"{until:x}", self._mac(use, *parts, str(until))))

    def check_dashboard(self, use: DashboardUse, token: str) -> DashboardHolder:
        """The holder of a dashboard token. The caller checks the expiry and the key.

        Raises:
            BadToken: it is not one of ours, or for the other use.
        """
        parts = token.split("_") if len(token) <= DASHBOARD_TOKEN_CHARS_MAX else []
        fits = len(parts) == _DASHBOARD_PARTS and parts[0] == "qrd"
        until = _hex(parts[4]) if fits else None
        if until is None:
            msg = "not a dashboard token"
            raise BadToken(msg)
        self._check_mac(parts[5], use, *parts[1:4], str(until))
        merchant, key = ids.decode_suffix(parts[1]), ids.decode_suffix(parts[2])
        return DashboardHolder(merchant, key, datetime.fromtimestamp(until, UTC))

    def for_ticket(
        self, ticket_id: UUID, merchant_id: UUID, key_id: UUID, now: datetime
    ) -> tuple[str, datetime]:
        """A ticket for the live socket of one merchant, and its expiry."""
        until = _seconds(now + TICKET_LIFETIME)
        parts = [ids.encode_suffix(one) for one in (ticket_id, merchant_id, key_id)]
        mac = self._mac(_TICKET_USE, *parts, str(until))
        return f"qrt_{'_'.join(parts)}_{until:x}_{mac}", datetime.fromtimestamp(until, UTC)

    def check_ticket(self, token: str) -> Ticket:
        """What a ticket opens. The caller checks the expiry, the key, and that it is unused.

        Raises:
            BadToken: it is not one of ours.
        """
        parts = token.split("_")
        until = _hex(parts[4]) if len(parts) == _TICKET_PARTS and parts[0] == "qrt" else None
        if until is None:
            msg = "not a live ticket"
            raise BadToken(msg)
        self._check_mac(parts[5], _TICKET_USE, *parts[1:4], str(until))
        ticket_id, merchant_id, key_id = (ids.decode_suffix(part) for part in parts[1:4])
        return Ticket(ticket_id, merchant_id, key_id, datetime.fromtimestamp(until, UTC))

    def for_cursor(self, text: str) -> str:
        """A short MAC that keeps the cursors of lists opaque."""
        return self._mac("cursor", text)[:_CURSOR_MAC_CHARS]

    def _mac(self, *parts: str) -> str:
        data = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.digest(self._secret, data, "sha256").hex()[:_MAC_CHARS]

    def _check_mac(self, mac: str, *parts: str) -> None:
        if not hmac.compare_digest(mac.encode(), self._mac(*parts).encode()):
            msg = "the token's MAC does not match"
            raise BadToken(msg)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _hex(text: str) -> int | None:
    """A number in its one accepted spelling, lower-case ASCII hexadecimal; None for any other."""
    return int(text, 16) if _HEX.fullmatch(text) else None
