"""Who looks at a dashboard: a merchant or an auditor, by a cookie that only these pages accept.

    POST /v1/dashboard-links ──▶ /dashboard#token ──once──▶ cookie ──▶ pages of that caller

The cookie is sent with requests of our own pages only (`SameSite=Strict`), no script can read it
(`HttpOnly`), and with https no other host can set it (`__Host-`). It is signed and not stored. What
changes something must also come from our own origin.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from api import blocking
from api.context import ApiConfig, Services
from api.http.accept import wants_html
from api.http.errors import ForeignOrigin, status_of
from api.http.identity import CallerRole, Identity
from api.http.messages import HttpRequest, HttpResponse
from api.http.operation import Call, Handler
from api.pages.rendering import language_for
from api.pages.routes import message_page
from api.tokens import EVERY_MERCHANT, OPERATOR_KEY, BadToken, DashboardHolder, DashboardUse
from application.errors import Forbidden, NotFound, Unauthorized
from domain import ids
from domain.errors import InvalidRequest, LedgerError
from domain.merchants.api_key import ApiKey, Role

COOKIE_LIFETIME: Final = timedelta(minutes=30)
OPERATOR: Final = "operator"
"""The actor of what is asked for on pages that the operator's program opened."""


def cookie_name(config: ApiConfig) -> str:
    """The cookie's name; browsers accept the prefix with https only."""
    return "__Host-qrledger-dashboard" if config.secure else "qrledger-dashboard"


def cookie(config: ApiConfig, token: str, lifetime: timedelta = COOKIE_LIFETIME) -> str:
    """A `Set-Cookie` header; without a token and a lifetime it deletes the cookie."""
    secure = "; Secure" if config.secure else ""
    return (
        f"{cookie_name(config)}={token}; Path=/; Max-Age={int(lifetime.total_seconds())}; "
        f"HttpOnly; SameSite=Strict{secure}"
    )


def read_cookie(request: HttpRequest, config: ApiConfig) -> str:
    """The token in the cookie; empty if there is none, or more than one."""
    pairs = (pair.strip().partition("=") for h in request.all(b"cookie") for pair in h.split(";"))
    found = [value for name, _, value in pairs if name == cookie_name(config)]
    return found[0] if len(found) == 1 else ""


def check_origin(call: Call) -> None:
    """Check that a request comes from one of our own pages.

    Raises:
        ForeignOrigin: another page, or a caller that does not say.
    """
    if call.request.all(b"origin") != [call.services.config.public_url]:
        raise ForeignOrigin


async def holder_of(call: Call, use: DashboardUse, token: str) -> DashboardHolder:
    """The merchant, or the auditor, and the key of a token that is valid now.

    Raises (checked in this order):
        Unauthorized: it is not one of ours, is for the other use, or has expired; its key is
            unknown or revoked.
        LogUnavailable: the key cannot be looked up.
    """
    try:
        holder = call.services.tokens.check_dashboard(use, token)
    except BadToken:
        raise Unauthorized(reason="The link or cookie is not valid") from None
    await blocking.read(_check, call.services, holder)
    return holder


def _check(services: Services, holder: DashboardHolder) -> None:
    """Raises `Unauthorized` if a token has expired, or its key is not valid."""
    merchant = holder.merchant_id != EVERY_MERCHANT
    if holder.key_id == OPERATOR_KEY and merchant:
        now = services.reader.clock.now()
    else:
        try:
            current = services.reader.get(ApiKey, holder.key_id, "key")
        except NotFound:
            raise Unauthorized(reason="The link or cookie is not valid") from None
        key, now = current.state, current.now
        role = Role.MERCHANT if merchant else Role.AUDITOR
        owner = ids.encode("mer", holder.merchant_id) if merchant else role.value
        known = (key.role, key.holder_id, key.mode)
        if key.revoked or known != (role, owner, services.config.mode):
            raise Unauthorized(reason="The API key that made the link is not valid")
    if now >= holder.expires_at:
        raise Unauthorized(reason="The link or cookie has expired")


def identity_of(holder: DashboardHolder) -> Identity:
    """The caller that a dashboard acts for: the key that made its link."""
    by_key = holder.key_id != OPERATOR_KEY
    actor = ids.encode("key", holder.key_id) if by_key else OPERATOR
    if holder.merchant_id == EVERY_MERCHANT:
        return Identity(CallerRole.AUDITOR, CallerRole.AUDITOR.value, actor)
    return Identity(CallerRole.MERCHANT, ids.encode("mer", holder.merchant_id), actor)


async def signed_in(call: Call) -> Call:
    """The request as the merchant's or the auditor's.

    Raises:
        Unauthorized: there is no cookie, or see `holder_of`.
    """
    token = read_cookie(call.request, call.services.config)
    holder = await holder_of(call, DashboardUse.COOKIE, token)
    return replace(call, identity=identity_of(holder))


def for_reader(handler: Handler) -> Handler:
    """A handler of a dashboard: gets the request as its reader's; refusals become pages."""

    @functools.wraps(handler)
    async def handle(self: Any, call: Call, **arguments: Any) -> HttpResponse:
        try:
            return await handler(self, await signed_in(call), **arguments)
        except LedgerError as refusal:
            if not wants_html(call.request) or type(refusal) not in _PAGES:
                raise
            return refusal_page(call, refusal)

    return handle


def for_merchant(handler: Handler) -> Handler:
    """A handler of a merchant's own dashboard: for an auditor there is nothing."""

    @functools.wraps(handler)
    async def handle(self: Any, call: Call, **arguments: Any) -> HttpResponse:
        if call.identity.role is not CallerRole.MERCHANT:
            raise NotFound(thing="page")
        return await handler(self, call, **arguments)

    return for_reader(handle)


def refusal_page(call: Call, refusal: LedgerError) -> HttpResponse:
    """What happened and what to do next, for a browser."""
    _ = language_for(call.request).gettext
    if isinstance(refusal, Unauthorized):
        title = _("You are signed out")
        hint = _("Open a new link to this page. Links come from your own system, or from support.")
    elif isinstance(refusal, NotFound):
        title = _("Not found")
        hint = _("There is nothing at this address, or it is not yours to see.")
    elif isinstance(refusal, InvalidRequest):
        title = _("This filter is not valid")
        hint = _("Go back and choose another one.")
    elif isinstance(refusal, Forbidden):
        title = _("Not for merchants")
        hint = _("Only auditors may ask how it stood in the past.")
    else:
        title = _("Not sent")
        hint = _("This request did not come from our own page, so nothing was done.")
    return message_page(call, title, hint, status=status_of(type(refusal)))


_PAGES: Final = frozenset({Unauthorized, NotFound, InvalidRequest, Forbidden, ForeignOrigin})
