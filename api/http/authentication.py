"""Authentication of callers by API key or page token, against the log and in constant time."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

from api import blocking
from api.context import ApiConfig, Services
from api.http import addresses
from api.http.checkout import checkout_identity
from api.http.identity import CallerRole, Identity
from api.http.messages import HttpRequest
from api.http.rate_limit import RateLimit, address_bucket
from api.tokens import BadToken, PageHolder, Use
from application.errors import NotFound, Unauthorized
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey, Role

CACHE_SECONDS: Final = 1.0
"""How long an identity is cached: a revoked key stops working within this time."""
TRUSTED_SECONDS: Final = 600.0
"""How long after its last lookup a valid credential is exempt from the limit of its address."""
CREDENTIALS_MAX: Final = 10_000


class Authenticator:
    """Identifies callers. Identities are cached for a second, by the hash of the credential.

    Concurrent requests with the same credential share one lookup. A credential that was not valid
    in the last ten minutes takes a token from the bucket of its address before the lookup, and
    returns the token if it is valid. So invalid credentials can neither load the log nor block
    valid ones at the same address.
    """

    def __init__(self, services: Services, rate_limit: RateLimit) -> None:
        self._services = services
        self._rate_limit = rate_limit
        self._valid_at: OrderedDict[bytes, float] = OrderedDict()
        """When the last successful lookup of a valid credential began, by digest."""
        self._lookups: OrderedDict[bytes, tuple[asyncio.Task[Identity], float]] = OrderedDict()
        """Lookups in progress or successful, and when each began, by digest."""

    async def identify(self, request: HttpRequest, now: float) -> Identity:
        """The caller of a request; `now` is a monotonic clock's time in seconds.

        Raises (checked in this order):
            TooManyRequests: the credential is not known to be valid, and its address is over its
                limit.
            Unauthorized: no credential, or it is invalid, revoked, expired or of the other mode.
            LogUnavailable: the credential cannot be looked up.
        """
        scheme, _, text = (request.header(b"authorization") or "").partition(" ")
        if scheme.lower() != "bearer":
            text = ""
        digest = hashlib.sha256(text.encode()).digest()
        valid_at = self._valid_at.get(digest)
        if valid_at is not None and now - valid_at < TRUSTED_SECONDS:
            return await self._find(digest, text, now)
        bucket = address_bucket(client_address(request, self._services.config))
        self._rate_limit.take(bucket, now)
        identity = await self._find(digest, text, now)
        self._rate_limit.refund(bucket)
        return identity

    async def identify_checkout(self, token: str, session_id: UUID) -> Identity:
        """The checkout screen of a session, by the session's token.

        Raises (checked in this order):
            LogUnavailable: the ledger's time is not known.
            Unauthorized: the token is not this session's, or has expired.
        """
        now = await blocking.read(self._services.reader.clock.now)
        try:
            self._services.tokens.check_session(Use.CHECKOUT, token, session_id, now)
        except BadToken:
            session = ids.encode("ps", session_id)
            raise Unauthorized(reason=f"The token is not valid for {session}") from None
        return checkout_identity(session_id)

    async def _find(self, digest: bytes, text: str, now: float) -> Identity:
        """The identity of a credential, from the cache or from the log."""
        lookup, began = self._lookups.get(digest, (None, now))
        if lookup is None or now - began >= CACHE_SECONDS:
            lookup = self._start_lookup(digest, text, now)
        identity = lookup.result() if lookup.done() else await asyncio.shield(lookup)
        if identity.expires_at is not None:
            identity.check_expiry(self._services.reader.clock.estimate())
        return identity

    def _start_lookup(self, digest: bytes, text: str, now: float) -> asyncio.Task[Identity]:
        lookup = asyncio.create_task(blocking.read(self._query(text)))
        lookup.add_done_callback(partial(self._on_lookup_done, digest, now))
        self._lookups[digest] = (lookup, now)
        self._lookups.move_to_end(digest)
        if len(self._lookups) > CREDENTIALS_MAX:
            self._lookups.popitem(last=False)
        return lookup

    def _on_lookup_done(self, digest: bytes, now: float, lookup: asyncio.Task[Identity]) -> None:
        """Remember a valid credential; drop a failed lookup, so that the next request retries."""
        error = asyncio.CancelledError() if lookup.cancelled() else lookup.exception()
        if error is None:
            self._valid_at[digest] = now
            self._valid_at.move_to_end(digest)
            if len(self._valid_at) > CREDENTIALS_MAX:
                self._valid_at.popitem(last=False)
            return
        entry = self._lookups.get(digest)
        if entry is not None and entry[0] is lookup:
            del self._lookups[digest]
        if isinstance(error, Unauthorized):
            self._valid_at.pop(digest, None)

    def _query(self, text: str) -> Callable[[], Identity]:
        """The query of the log that identifies a well-formed credential.

        Raises:
            Unauthorized: the credential is missing, malformed or forged; no query is needed.
        """
        if not text:
            raise Unauthorized(reason="Send a key as `Authorization: Bearer qrl_…`")
        try:
            if text.startswith("qrw_"):
                return partial(self._identify_page, self._services.tokens.check_page(text))
            presented = BearerKey.parse(text)
        except BadToken as error:
            raise Unauthorized(reason=f"The page token is not valid: {error}") from None
        except ValueError:
            raise Unauthorized(reason="The key is not valid") from None
        mode = self._services.config.mode
        if presented.mode != mode:
            raise Unauthorized(
                reason=f"This is a key of a {presented.mode} ledger, and this is a {mode} ledger: "
                f"send a key that begins with qrl_{mode}_"
            )
        return partial(self._identify_key, presented)

    def _identify_key(self, presented: BearerKey) -> Identity:
        """The holder of an API key."""
        try:
            key = self._services.reader.get(ApiKey, presented.key_id, "key").state
        except NotFound:
            raise Unauthorized(reason="The key is not valid") from None
        if not key.accepts(presented) or key.mode != self._services.config.mode:
            raise Unauthorized(reason="The key is not valid")
        app = key.holder_id if key.role == "wallet" else ""
        return Identity(CallerRole(key.role.value), key.holder_id, key.public_id, app)

    def _identify_page(self, page: PageHolder) -> Identity:
        """The wallet of a page token; the token ends with the key that created it."""
        try:
            current = self._services.reader.get(ApiKey, page.key_id, "key")
        except NotFound:
            raise Unauthorized(reason="The page token is not valid: its key is unknown") from None
        key = current.state
        if key.revoked or key.role != Role.WALLET or key.mode != self._services.config.mode:
            raise Unauthorized(reason="The page token is not valid: its key is not valid")
        wallet_id = ids.encode("wal", page.wallet_id)
        identity = Identity(
            CallerRole.PAGE, wallet_id, wallet_id, key.holder_id, page.wallet_id, page.expires_at
        )
        identity.check_expiry(current.now)
        return identity


def client_address(request: HttpRequest, config: ApiConfig) -> str:
    """The caller's address; `X-Forwarded-For` counts only if a trusted proxy wrote it."""
    forwarded = request.all(b"x-forwarded-for")
    return addresses.client_address(request.client_host, forwarded, config.trusted_proxies)


def is_local(request: HttpRequest, config: ApiConfig) -> bool:
    """Whether the caller runs on this machine; false behind a proxy that is not trusted."""
    forwarded = request.all(b"x-forwarded-for")
    return addresses.is_local(request.client_host, forwarded, config.trusted_proxies)
