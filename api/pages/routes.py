"""The pages: the address in the QR code, and the checkout screen. Programs get JSON instead."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from api import blocking
from api.context import Services
from api.http.accept import HTML, JSON, preferred, wants_html
from api.http.checkout import SESSION_TOKEN_CHARS_MAX
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, SessionPathId, path_id
from api.pages.amounts import amount_chars
from api.pages.branding import branding_context, payee_of
from api.pages.checkout import at_checkout_of, checkout_page, checkout_url
from api.pages.moments import moment
from api.pages.offers import offer_response
from api.pages.payer_texts import wallet_texts
from api.pages.rendering import chosen_language, language_for, render
from api.pages.sessions import session_context, status_texts
from api.pages.texts import languages
from api.tokens import BadToken, Use
from api.v1.attempt_answers import next_action
from api.v1.responses import command_response, conditional_response
from api.views import money
from api.views.sessions import PublicSessionView, public_session_view, session_etag
from application.commands.cancel_session import CancelSession
from application.errors import Forbidden, NotFound, Unauthorized
from application.reader import Current
from domain import ids
from domain.qr import offer
from domain.sessions.errors import PaymentInFlight, SessionNotPayable
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN

VERIFIER: Final = "/verify"
"""The page that checks receipts; other pages lead to it."""
LanguageTag = Annotated[str, Meta(max_length=20)]
Token = Annotated[str, Meta(min_length=1, max_length=SESSION_TOKEN_CHARS_MAX)]


class LanguageQuery(Query):
    """The language of a page."""

    lang: LanguageTag = ""


class TokenQuery(LanguageQuery, kw_only=True):
    """The session's token, as in its `checkout_url`."""

    token: Token


class PageRoutes:
    """The operations behind the pages. They need no key."""

    def __init__(self, services: Services) -> None:
        self._services = services
        languages()  # reads the catalogues at start-up, not in the first response

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="getCodeAddress", method="GET", path="/q/{code:str}",
                aliases=("/Q/{code:str}",),
                summary="The address in the QR code: the public part of its session",
                description="For `Accept: application/jose` the signed offer, whatever the status.",
                page=True, media_types=(offer.MEDIA_TYPE,), shared=True,
                responses={200: PublicSessionView, 304: None},
                problems=("not-found", "signing-unavailable"),
                handler=self.code_address,
            ),
            Operation(
                name="getCheckout", method="GET", path="/checkout/{id:str}",
                summary="The session as shown on its checkout screen",
                page=True, responses={200: PublicSessionView, 304: None},
                problems=("unauthorized", "not-found"), handler=self.checkout,
            ),
            Operation(
                name="cancelFromCheckout", method="POST", path="/checkout/{id:str}/cancel",
                summary="Cancel from the checkout screen, if the merchant allowed it",
                page=True, responses={200: PublicSessionView},
                problems=(
                    "unauthorized", "forbidden", "not-found", "session-not-payable",
                    "payment-in-flight",
                ),
                handler=self.cancel,
            ),
        ]  # fmt: skip

    async def code_address(
        self,
        call: Call,
        query: LanguageQuery,  # noqa: ARG002 - the page reads `lang` from the request
        code: str,
    ) -> HttpResponse:
        """The wallet page, the signed offer or the public part; the code in any letter case."""
        if code.isascii():  # the Kelvin sign (U+212A) is not a K, although it lower-cases to one
            code = code.lower().removeprefix("ps_")
        wanted = preferred(call.request.header(b"accept"), (offer.MEDIA_TYPE, HTML, JSON))
        try:
            current = await self._read(path_id("ps", f"ps_{code}"))
        except NotFound:
            if wanted == HTML:
                _ = language_for(call.request).gettext
                title = _("Payment not found")
                hint = _("No payment was found at this address. Scan the code again.")
                return message_page(call, title, hint, status=404)
            raise
        if wanted == HTML:
            return await wallet_page(call, current)
        if wanted == offer.MEDIA_TYPE:
            return offer_response(call, current)
        view = public_session_view(
            current.state, current.now, livemode=self._services.config.livemode
        )
        return conditional_response(call, view, session_etag(current.state, current.now))

    async def checkout(self, call: Call, query: TokenQuery, id: SessionPathId) -> HttpResponse:
        """The checkout page for a browser, otherwise the public part with order and return URL."""
        html = wants_html(call.request)
        try:
            current = await session_with_token(self._services, id, query.token)
        except Unauthorized:
            if html:
                _ = language_for(call.request).gettext
                title = _("This payment link is no longer valid")
                hint = _("Ask the merchant for a new link.")
                return message_page(call, title, hint, status=401)
            raise
        if html:
            return await checkout_page(call, current, query.token)
        view = public_session_view(
            current.state,
            current.now,
            livemode=self._services.config.livemode,
            with_token=True,
            next_action=await next_action(at_checkout_of(call, id), current.state),
        )
        return conditional_response(call, view, session_etag(current.state, current.now))

    async def cancel(self, call: Call, query: TokenQuery, id: SessionPathId) -> HttpResponse:
        """Cancel, if the merchant allowed it when creating the session."""
        current = await session_with_token(self._services, id, query.token)
        if not current.state.checkout_may_cancel:
            raise Forbidden(reason="This session cannot be cancelled from its checkout screen")
        command = CancelSession(
            session_id=current.state.id, merchant_id=current.state.merchant_id, by="checkout"
        )
        html = wants_html(call.request)
        location = checkout_url(id, query.token, chosen_language(call.request))
        checkout = HttpResponse(b"", status_code=303, headers={"Location": location})
        try:
            outcome = await call.send(command)
        except (SessionNotPayable, PaymentInFlight):
            if html:  # it has ended, or is being paid: the page shows how
                return checkout
            raise
        if html:
            return checkout
        view = public_session_view(
            outcome.subject,
            outcome.recorded_at,
            livemode=self._services.config.livemode,
            with_token=True,
        )
        return command_response(outcome, view)

    async def _read(self, session_id: UUID) -> Current[PaymentSession]:
        get = self._services.reader.get
        return await blocking.read(get, PaymentSession, session_id, "payment session")


async def session_with_token(
    services: Services, session_id: UUID, token: str
) -> Current[PaymentSession]:
    """The session of a checkout screen.

    Raises:
        Unauthorized: the token is not one of this session.
    """
    try:
        get = services.reader.get
        current = await blocking.read(get, PaymentSession, session_id, "payment session")
        services.tokens.check_session(Use.CHECKOUT, token, session_id, current.now)
    except (BadToken, NotFound):  # an unknown id must look like a wrong token
        session = ids.encode("ps", session_id)
        raise Unauthorized(reason=f"The token is not valid for {session}") from None
    return current


async def wallet_page(call: Call, current: Current[PaymentSession]) -> HttpResponse:
    """The wallet page, which the address in the QR code opens: payee, amount, and Pay."""
    session, language = current.state, language_for(call.request)
    status = session.status_at(current.now)
    merchant = await payee_of(call.services, session)
    paying = language.gettext("Pay {payee}").format(payee=session.merchant_name)
    return render(
        "wallet.html",
        call.services.config,
        language,
        worker=True,
        paid_at=moment(language, session.payment.paid_at) if session.payment else None,
        reference=session.public_id,
        verifier_url=f"{VERIFIER}?lang={language.tag}",
        test=call.services.config.mode == "test",
        amount_chars=amount_chars(money.display(session.amount, language.locale)),
        **branding_context(merchant, "wallet.css"),
        **session_context(
            call,
            current,
            Use.WATCH,
            title=paying if status in OPEN else status_texts(language)[status.value][0],
            poll_url=f"/q/{ids.encode_suffix(session.id)}",
            texts=wallet_texts(language),
        ),
    )


def message_page(call: Call, title: str, hint: str, *, status: int) -> HttpResponse:
    """A page that explains what happened and what to do next."""
    language = language_for(call.request)
    return render(
        "message.html", call.services.config, language, title=title, hint=hint, status_code=status
    )
