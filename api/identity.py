"""Who is calling: an API key or a page token, checked against the log, in constant time."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final
from uuid import UUID

from api import addresses
from api.context import ApiConfig, Services
from api.tokens import BadToken
from api.wire import Inbound
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
    """Tells who calls. A key that was good is remembered for a second, by the hash of its text.

    Requests that come with one key while it is looked up share that look.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._looks: OrderedDict[bytes, tuple[asyncio.Task[Identity], float]] = OrderedDict()
        """Into the log, under way or with a good end, and when each began."""

    async def identify(self, inbound: Inbound, now: float) -> Identity:
        """Who sent the `Authorization` header; `now` is a monotonic clock's, in seconds.

        Raises (checked in this order):
            Unauthorized: no key, a wrong, revoked or expired one, or one of the other mode.
            LogUnavailable: the key cannot be looked up.
        """
        scheme, _, text = inbound.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise Unauthorized(reason="Send a key as `Authorization: Bearer qrl_…`")
        if text.startswith("qrw_"):
            return await asyncio.to_thread(self._page, text)
        digest = hashlib.sha256(text.encode()).digest()
        look, began = self._looks.get(digest, (None, now))
        if look is None or now - began >= KEY_SECONDS:
            look = self._look(digest, text, now)
        return look.result() if look.done() else await asyncio.shield(look)

    def _look(self, digest: bytes, text: str, now: float) -> asyncio.Task[Identity]:
        try:
            presented = BearerKey.parse(text)
        except ValueError:
            raise Unauthorized(reason="The key is not valid") from None
        look = asyncio.create_task(asyncio.to_thread(self._holder, presented))
        look.add_done_callback(partial(self._looked, digest))
        self._looks[digest] = (look, now)
        self._looks.move_to_end(digest)
        if len(self._looks) > KEYS_MAX:
            self._looks.popitem(last=False)
        return look

    def _looked(self, digest: bytes, look: asyncio.Task[Identity]) -> None:
        """Forget what ended badly: the next request asks anew."""
        if look.cancelled() or look.exception() is not None:
            known = self._looks.get(digest)
            if known is not None and known[0] is look:
                del self._looks[digest]

    def _holder(self, presented: BearerKey) -> Identity:
        """Whose key it is, by the log."""
        try:
            key = self._services.reader.get(ApiKey, presented.key_id, "key").state
        except NotFound:
            raise Unauthorized(reason="The key is not valid") from None
        if not key.opens(presented) or key.mode != self._services.config.mode:
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


def client_address(inbound: Inbound, config: ApiConfig) -> str:
    """The caller's address; `X-Forwarded-For` counts only when a trusted proxy wrote it."""
    forwarded = inbound.all("x-forwarded-for")
    return addresses.client_address(inbound.client_host, forwarded, config.trusted_proxies)


def is_local(inbound: Inbound, config: ApiConfig) -> bool:
    """Whether the caller sits on this machine and no stranger is hidden behind a proxy."""
    forwarded = inbound.all("x-forwarded-for")
    return addresses.is_local(inbound.client_host, forwarded, config.trusted_proxies)
