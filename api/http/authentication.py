"""Who is calling: an API key or a page token, checked against the log, in constant time."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final

from api import blocking
from api.context import ApiConfig, Services
from api.http import addresses
from api.http.errors import TooManyRequests
from api.http.identity import CallerRole, Identity
from api.http.messages import HttpRequest
from api.http.rate_limit import RateLimit, caller_at
from api.tokens import BadToken, PageHolder
from application.errors import NotFound, Unauthorized
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey, Role

KEY_SECONDS: Final = 1.0
"""How old a key's state may be: a revoked key opens nothing after this."""
GOOD_SECONDS: Final = 600.0
"""How long a key that was good is looked up without asking for its address's limit."""
KEYS_MAX: Final = 10_000


class Authenticator:
    """Tells who calls. A key that was good is remembered for a second, by the hash of its text.

    Requests that come with one key while it is looked up share that look. What was not good in the
    last ten minutes counts against its address before it is looked at, and no more once it proves
    good: strangers cannot make us ask the log, nor shut out who shares their address.
    """

    def __init__(self, services: Services, rate_limit: RateLimit) -> None:
        self._services = services
        self._rate_limit = rate_limit
        self._good: OrderedDict[bytes, float] = OrderedDict()
        """Keys and tokens that were good, and when they were last looked up."""
        self._looks: OrderedDict[bytes, tuple[asyncio.Task[Identity], float]] = OrderedDict()
        """Into the log, under way or with a good end, and when each began."""

    async def identify(self, request: HttpRequest, now: float) -> Identity:
        """Who sent the `Authorization` header; `now` is a monotonic clock's, in seconds.

        Raises (checked in this order):
            TooManyRequests: the key was not good just now, and its address asks too fast.
            Unauthorized: no key, a wrong, revoked or expired one, or one of the other mode.
            LogUnavailable: the key cannot be looked up.
        """
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            text = ""
        digest = hashlib.sha256(text.encode()).digest()
        good_at = self._good.get(digest)
        if good_at is not None and now - good_at < GOOD_SECONDS:
            return await self._find(digest, text, now)
        address = caller_at(client_address(request, self._services.config))
        if not self._rate_limit.allows(address, now):
            raise TooManyRequests(limit=self._rate_limit.per_second)
        identity = await self._find(digest, text, now)
        self._rate_limit.give_back(address)
        return identity

    async def _find(self, digest: bytes, text: str, now: float) -> Identity:
        """Whose key or token it is: as it was found less than a second ago, or by the log."""
        look, began = self._looks.get(digest, (None, now))
        if look is None or now - began >= KEY_SECONDS:
            look = self._look(digest, text, now)
        identity = look.result() if look.done() else await asyncio.shield(look)
        identity.check_expiry(self._services.reader.clock.estimate())
        return identity

    def _look(self, digest: bytes, text: str, now: float) -> asyncio.Task[Identity]:
        look = asyncio.create_task(blocking.read(self._question(text)))
        look.add_done_callback(partial(self._looked, digest, now))
        self._looks[digest] = (look, now)
        self._looks.move_to_end(digest)
        if len(self._looks) > KEYS_MAX:
            self._looks.popitem(last=False)
        return look

    def _looked(self, digest: bytes, now: float, look: asyncio.Task[Identity]) -> None:
        """Remember what was good. Forget what ended badly: the next request asks anew."""
        error = asyncio.CancelledError() if look.cancelled() else look.exception()
        if error is None:
            self._good[digest] = now
            self._good.move_to_end(digest)
            if len(self._good) > KEYS_MAX:
                self._good.popitem(last=False)
            return
        known = self._looks.get(digest)
        if known is not None and known[0] is look:
            del self._looks[digest]
        if isinstance(error, Unauthorized):
            self._good.pop(digest, None)

    def _question(self, text: str) -> Callable[[], Identity]:
        """What to ask the log about a key or a token that may be one of ours.

        Raises:
            Unauthorized: it is none, which needs no log: malformed, mistyped or forged.
        """
        if not text:
            raise Unauthorized(reason="Send a key as `Authorization: Bearer qrl_…`")
        try:
            if text.startswith("qrw_"):
                return partial(self._page, self._services.tokens.check_page(text))
            return partial(self._holder, BearerKey.parse(text))
        except BadToken as error:
            raise Unauthorized(reason=f"The page token is not valid: {error}") from None
        except ValueError:
            raise Unauthorized(reason="The key is not valid") from None

    def _holder(self, presented: BearerKey) -> Identity:
        """Whose key it is, by the log."""
        try:
            key = self._services.reader.get(ApiKey, presented.key_id, "key").state
        except NotFound:
            raise Unauthorized(reason="The key is not valid") from None
        if not key.accepts(presented) or key.mode != self._services.config.mode:
            raise Unauthorized(reason="The key is not valid")
        app = key.holder_id if key.role == "wallet" else ""
        return Identity(CallerRole(key.role.value), key.holder_id, key.public_id, app)

    def _page(self, page: PageHolder) -> Identity:
        """For which wallet a page acts: a token lives no longer than the key that minted it."""
        try:
            minter = self._services.reader.get(ApiKey, page.key_id, "key")
        except NotFound:
            raise Unauthorized(reason="The page token is not valid: its key is unknown") from None
        key = minter.state
        if key.revoked or key.role != Role.WALLET or key.mode != self._services.config.mode:
            raise Unauthorized(reason="The page token is not valid: its key opens nothing")
        wallet_id, app = ids.encode("wal", page.wallet_id), key.holder_id
        identity = Identity(
            CallerRole.PAGE, wallet_id, wallet_id, app, page.wallet_id, page.expires_at
        )
        identity.check_expiry(minter.now)
        return identity


def client_address(request: HttpRequest, config: ApiConfig) -> str:
    """The caller's address; `X-Forwarded-For` counts only when a trusted proxy wrote it."""
    forwarded = request.all("x-forwarded-for")
    return addresses.client_address(request.client_host, forwarded, config.trusted_proxies)


def is_local(request: HttpRequest, config: ApiConfig) -> bool:
    """Whether the caller sits on this machine and no stranger is hidden behind a proxy."""
    forwarded = request.all("x-forwarded-for")
    return addresses.is_local(request.client_host, forwarded, config.trusted_proxies)
