"""Signing in and out of the dashboards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from api import blocking
from api.context import Services
from api.http.fields import SessionId
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Body, none_if_unset
from api.pages.dashboards import access
from api.pages.dashboards.frame import DELIVERIES, SESSIONS, SIGN_OUT, address, go_to
from api.pages.rendering import language_for, render
from api.pages.routes import LanguageQuery
from api.tokens import DASHBOARD_TOKEN_CHARS_MAX, DashboardUse
from api.v1.dashboard_links import DASHBOARDS
from application.errors import Unauthorized

SIGN_IN = f"{DASHBOARDS}/sign-in"


class SignInBody(Body):
    """The token of a link."""

    token: Annotated[str, Meta(min_length=1, max_length=DASHBOARD_TOKEN_CHARS_MAX)]


class OpenQuery(LanguageQuery, kw_only=True):
    """The session whose history the link opens."""

    session: SessionId | UnsetType = UNSET


class DashboardRoutes:
    """The operations that open and end the dashboards. They need no key."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="getDashboard", method="GET", path=DASHBOARDS,
                summary="The page that a link to the dashboards opens",
                responses={200: "text/html"}, handler=self.open,
            ),
            Operation(
                name="signInToDashboard", method="POST", path=SIGN_IN,
                summary="Exchange the token of a link for a cookie, once; for our own page only",
                responses={204: None}, problems=("unauthorized", "foreign-origin"),
                handler=self.sign_in,
            ),
            Operation(
                name="signOutOfDashboard", method="POST", path=SIGN_OUT,
                summary="Delete the cookie; for our own pages only",
                responses={303: None}, problems=("foreign-origin",), handler=self.sign_out,
            ),
        ]  # fmt: skip

    async def open(self, call: Call, query: OpenQuery) -> HttpResponse:
        """The page that exchanges the token, which only the browser has; it has to be a script."""
        language = language_for(call.request)
        _ = language.gettext
        asked = none_if_unset(query.session)
        first = f"{SESSIONS}/{asked}" if asked else DELIVERIES
        next_url = ""
        try:
            signed_in = await access.signed_in(call)
            is_merchant = signed_in.identity.role is CallerRole.MERCHANT
            next_url = address(call, first if asked or is_merchant else SESSIONS)
        except Unauthorized:
            pass
        texts = {
            "used": _(
                "This link is no longer valid. A link works once and for a short time: "
                "open a new one."
            ),
            "failed": _("Something went wrong. Try again."),
        }
        return render(
            "dashboard_sign_in.html",
            call.services.config,
            language,
            data={"exchange": SIGN_IN, "next": address(call, first), "texts": texts},
            next_url=next_url,
        )

    async def sign_in(self, call: Call, body: SignInBody) -> HttpResponse:
        """Exchange a token for a cookie."""
        access.check_origin(call)
        holder = await access.holder_of(call, DashboardUse.LINK, body.token)
        use, tokens = self._services.used_tokens.use, self._services.tokens
        if not await blocking.read(use, body.token, holder.expires_at):
            raise Unauthorized(reason="The link was used before")
        now = self._services.reader.clock.estimate()
        stays = replace(holder, expires_at=now + access.COOKIE_LIFETIME)
        token = tokens.for_dashboard(DashboardUse.COOKIE, stays, self._services.new_id())
        headers = {"Set-Cookie": access.cookie(call.services.config, token)}
        return HttpResponse(b"", status_code=204, headers={"Cache-Control": "no-store", **headers})

    async def sign_out(self, call: Call, query: LanguageQuery) -> HttpResponse:  # noqa: ARG002
        """Delete the cookie."""
        access.check_origin(call)
        page = go_to(address(call, DASHBOARDS))
        gone = access.cookie(call.services.config, "", timedelta(0))
        page.headers = {**page.headers, "Set-Cookie": gone}
        return page
