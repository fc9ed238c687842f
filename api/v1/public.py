"""What anybody may see who has a session's id or token: the code's address, pictures, checkout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from api import blocking
from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, path_id
from api.pages.rendering import wants_html
from api.pages.sessions import checkout_page, message_page, wallet_page
from api.tokens import BadToken, Use
from api.v1.responses import command_response, conditional_response
from api.v1.views import PublicSessionView, etag, public_session
from application.commands.cancel_session import CancelSession
from application.errors import Forbidden, NotFound, Unauthorized
from application.reader import Current
from domain import ids
from domain.errors import SessionNotPayable
from domain.qr import dynamic_url
from domain.sessions.payment_session import PaymentSession

PICTURE_HEADERS: Final = {
    "Cache-Control": "public, max-age=86400, immutable",
    # A browser that shows a picture by itself styles it inline; nothing may run in it.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
Language = Annotated[str, Meta(max_length=20)]
Token = Annotated[str, Meta(min_length=1, max_length=80)]


class PictureQuery(Query):
    """Size of a picture: pixels (or points) per module, and modules of quiet zone."""

    scale: Annotated[int, Meta(ge=1, le=40)] = 8
    border: Annotated[int, Meta(ge=4, le=16)] = 4


class LanguageQuery(Query):
    """The language of a page."""

    lang: Language = ""


class TokenQuery(LanguageQuery, kw_only=True):
    """The session's token, as `checkout_url` carries it."""

    token: Token


class PublicRoutes:
    """The operations that need no key."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        pictures = "/v1/payment-sessions/{id:str}/qr"
        gone = ("not-found",)
        return [
            Operation(
                name="getCodeAddress", method="GET", path="/q/{code:str}",
                aliases=("/Q/{code:str}",),
                summary="The address in the QR code: the public part of its session",
                query=LanguageQuery, page=True, responses={200: PublicSessionView, 304: None},
                problems=gone,
                handler=self.address,
            ),
            Operation(
                name="getCheckout", method="GET", path="/checkout/{id:str}",
                summary="The session as its checkout screen may see it",
                query=TokenQuery, page=True, responses={200: PublicSessionView, 304: None},
                problems=("unauthorized", "not-found"), handler=self.checkout,
            ),
            Operation(
                name="cancelFromCheckout", method="POST", path="/checkout/{id:str}/cancel",
                summary="Cancel from the checkout screen, where the till allowed it",
                query=TokenQuery, page=True, responses={200: PublicSessionView},
                problems=("unauthorized", "forbidden", "not-found", "session-not-payable"),
                handler=self.cancel,
            ),
            Operation(
                name="getQrSvg", method="GET", path=f"{pictures}.svg", query=PictureQuery,
                summary="The code as SVG", responses={200: "image/svg+xml"}, problems=gone,
                handler=partial(self.picture, kind="svg"),
            ),
            Operation(
                name="getQrPng", method="GET", path=f"{pictures}.png", query=PictureQuery,
                summary="The code as PNG", responses={200: "image/png"}, problems=gone,
                handler=partial(self.picture, kind="png"),
            ),
            Operation(
                name="getQrText", method="GET", path=f"{pictures}.txt", query=PictureQuery,
                summary="The code for a terminal", responses={200: "text/plain"}, problems=gone,
                handler=partial(self.picture, kind="txt"),
            ),
        ]  # fmt: skip

    async def address(self, call: Call) -> HttpResponse:
        """The wallet page to a browser, else the public part; any letter case."""
        code = str(call.path["code"])
        if code.isascii():  # a Kelvin sign is no K, though its lower case is
            code = code.lower().removeprefix("ps_")
        html = wants_html(call.request)
        try:
            current = await self._read(path_id("ps", {"id": f"ps_{code}"}))
        except NotFound:
            if html:
                return message_page(call, "unknown", status=404)
            raise
        if html:
            return wallet_page(call, current)
        view = public_session(current.state, current.now)
        return conditional_response(call, view, etag(current.state, current.now))

    async def checkout(self, call: Call) -> HttpResponse:
        """The checkout page to a browser, else the public part, the order and the way back."""
        html = wants_html(call.request)
        try:
            current = await self._with_token(call)
        except Unauthorized:
            if html:
                return message_page(call, "no_entry", status=401)
            raise
        if html:
            return checkout_page(call, current, call.query.token)
        view = public_session(current.state, current.now, with_token=True)
        return conditional_response(call, view, etag(current.state, current.now))

    async def cancel(self, call: Call) -> HttpResponse:
        """Cancel, if the till asked for it when it created the session."""
        current = await self._with_token(call)
        if not current.state.checkout_may_cancel:
            raise Forbidden(reason="The till did not allow the checkout screen to cancel")
        command = CancelSession(
            session_id=current.state.id, merchant_id=current.state.merchant_id, by="checkout"
        )
        html = wants_html(call.request)
        back = f"/checkout/{current.state.public_id}?token={call.query.token}"
        try:
            outcome = await call.send(command)
        except SessionNotPayable:
            if html:  # it ended another way: the page shows how
                return HttpResponse(b"", status_code=303, headers={"Location": back})
            raise
        if html:
            return HttpResponse(b"", status_code=303, headers={"Location": back})
        view = public_session(outcome.subject, outcome.recorded_at, with_token=True)
        return command_response(outcome, view)

    async def picture(self, call: Call, *, kind: str) -> HttpResponse:
        """Draw the code; the same address always shows the same picture."""
        query: PictureQuery = call.query
        current = await self._read(path_id("ps", call.path))
        text = dynamic_url.build(self._services.config.public_url, current.state.id)
        images = self._services.qr_images
        drawings: dict[str, tuple[Callable[..., bytes], str]] = {
            "svg": (partial(images.svg, scale=query.scale), "image/svg+xml"),
            "png": (partial(images.png, scale=query.scale), "image/png"),
            "txt": (images.terminal, "text/plain"),
        }
        draw, media_type = drawings[kind]
        data: bytes = await asyncio.to_thread(draw, text, border=query.border)
        return HttpResponse(data, media_type=media_type, headers=PICTURE_HEADERS)

    async def _read(self, session_id: UUID) -> Current[PaymentSession]:
        get = self._services.reader.get
        return await blocking.read(get, PaymentSession, session_id, "payment session")

    async def _with_token(self, call: Call) -> Current[PaymentSession]:
        session_id = path_id("ps", call.path)
        query: TokenQuery = call.query
        try:
            current = await self._read(session_id)
            self._services.tokens.check_session(Use.CHECKOUT, query.token, session_id, current.now)
        except (BadToken, NotFound):  # an unknown id tells no more than a wrong token
            session = ids.encode("ps", session_id)
            raise Unauthorized(reason=f"The token does not open {session}") from None
        return current
