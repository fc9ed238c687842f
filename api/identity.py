"""Who is calling: an API key or a page token, checked against the log, in constant time."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from litestar import Request

from api.context import ApiConfig, Services
from api.tokens import BadToken
from application.errors import NotFound, Unauthorized
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey

KEY_SECONDS: Final = 1.0
"""How old a key's state may be: a revoked key opens nothing after this."""
KEYS_MAX: Final = 10_000


class Caller(StrEnum):
    """Who may call: the roles of keys, and a page that holds a wallet's token."""

    MERCHANT = "merchant"
    WALLET = "wallet"
    PAGE = "page"
    AUDITOR = "auditor"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller whose key or token was good."""

    caller: Caller
    holder: str
    """Scope of idempotency keys and rate limits: merchant's, app's or wallet's id, or the role."""
    actor: str
    """What events say of who did it: the key's id, or the wallet's for a page."""
    wallet_app_id: str = ""
    wallet_id: UUID | None = None
    """The one wallet a page may act for."""

    @property
    def stream(self) -> UUID:
        """The merchant's or wallet app's stream."""
        prefix = "mer" if self.caller is Caller.MERCHANT else "app"
        return ids.decode(prefix, self.holder)


class Doorkeeper:
    """Tells who calls. Keys are read from the log and remembered for a second."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._keys: OrderedDict[UUID, tuple[ApiKey | None, float]] = OrderedDict()

    async def identify(self, request: Request[Any, Any, Any], now: float) -> Identity:
        """Who sent the `Authorization` header; `now` is a monotonic clock's, in seconds.

        Raises (checked in this order):
            Unauthorized: no key, a wrong, revoked or expired one, or one of the other mode.
            LogUnavailable: the key cannot be looked up.
        """
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise Unauthorized(reason="Send a key as `Authorization: Bearer qrl_…`")
        if text.startswith("qrw_"):
            return await asyncio.to_thread(self._page, text)
        try:
            presented = BearerKey.parse(text)
        except ValueError:
            raise Unauthorized(reason="The key is not valid") from None
        key = await self._key(presented.key_id, now)
        if key is None or not key.opens(presented) or key.mode != self._services.config.mode:
            raise Unauthorized(reason="The key is not valid")
        app = key.holder_id if key.role == "wallet" else ""
        return Identity(Caller(key.role.value), key.holder_id, key.public_id, app)

    def _page(self, text: str) -> Identity:
        try:
            page = self._services.tokens.check_page(text, self._services.reader.clock.now())
        except BadToken as error:
            raise Unauthorized(reason=f"The page token is not valid: {error}") from None
        wallet_id = ids.encode("wal", page.wallet_id)
        app = ids.encode("app", page.wallet_app_id)
        return Identity(Caller.PAGE, wallet_id, wallet_id, app, page.wallet_id)

    async def _key(self, key_id: UUID, now: float) -> ApiKey | None:
        known = self._keys.get(key_id)
        if known is not None and now - known[1] < KEY_SECONDS:
            return known[0]
        try:
            current = await asyncio.to_thread(self._services.reader.get, ApiKey, key_id, "key")
            key: ApiKey | None = current.state
        except NotFound:
            key = None
        self._keys[key_id] = (key, now)
        self._keys.move_to_end(key_id)
        if len(self._keys) > KEYS_MAX:
            self._keys.popitem(last=False)
        return key


def client_address(request: Request[Any, Any, Any], config: ApiConfig) -> str:
    """The caller's address; `X-Forwarded-For` counts only when a trusted proxy wrote it."""
    peer = request.client.host if request.client else ""
    hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",") if hop]
    while hops and peer in config.trusted_proxies:
        peer = hops.pop()
    return peer


def is_local(request: Request[Any, Any, Any], config: ApiConfig) -> bool:
    """Whether the caller sits on this machine and no stranger is hidden behind a proxy."""
    if "x-forwarded-for" in request.headers and not config.trusted_proxies:
        return False
    try:
        return ipaddress.ip_address(client_address(request, config)).is_loopback
    except ValueError:
        return False
