"""Payments through processors from the checkout screen: start one, or stop it for another way."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from api.context import Services
from api.http.accept import wants_html
from api.http.errors import status_of
from api.http.fields import text_length
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import SessionPathId
from api.pages.checkout import at_checkout_of, checkout_page, checkout_url
from api.pages.rendering import chosen_language, language_for
from api.pages.return_language import remembered
from api.pages.routes import TokenQuery, session_with_token
from api.pages.sessions import start_refusals
from api.v1.attempt_answers import answer, next_action
from api.v1.attempt_starts import begin
from api.v1.responses import json_response
from api.views.attempts import payer_attempt_view
from api.views.sessions import PublicSessionView, SessionViews, public_session_view
from application.commands.request_void import RequestVoid
from application.commands.start_attempt import StartAttempt
from application.errors import Forbidden
from domain import ids
from domain.errors import LedgerError
from domain.processors.names import PROCESSOR_CHARS_MAX
from domain.sessions.errors import PaymentDeclined


class StartQuery(TokenQuery, kw_only=True):
    """The session's token, and the processor through which to pay."""

    processor: Annotated[str, text_length(1, PROCESSOR_CHARS_MAX)]


class CheckoutAttemptRoutes:
    """The operations of the checkout screen's buttons. They need no key, but the token."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._views = SessionViews(services.config, services.tokens)

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="payFromCheckout", method="POST", path="/checkout/{id:str}/attempts",
                summary="Pay through a processor, from the checkout screen",
                description="A browser is sent back to the screen, which leads on to the "
                "processor's page (`next_action`).",
                page=True, responses={202: PublicSessionView, 200: PublicSessionView},
                problems=(
                    "unauthorized", "not-found", "session-expired", "session-not-payable",
                    "session-claimed",
                    "payment-in-flight", "processor-not-enabled", "processor-unavailable",
                    "amount-unsupported", "test-only", "payment-declined",
                ),
                handler=self.start,
            ),
            Operation(
                name="stopFromCheckout", method="POST", path="/checkout/{id:str}/attempts/stop",
                summary="Stop a payment through a processor, so that the payer can pay another way",
                description="Until the processor confirms that, the payment may still be made.",
                page=True, responses={200: PublicSessionView},
                problems=("unauthorized", "forbidden", "not-found"), handler=self.stop,
            ),
        ]  # fmt: skip

    async def start(self, call: Call, query: StartQuery, id: SessionPathId) -> HttpResponse:
        """Begin an attempt, as `startPaymentAttempt` does; a browser gets the screen."""
        await session_with_token(self._services, id, query.token)
        at_checkout, html = at_checkout_of(call, id), wants_html(call.request)
        command = StartAttempt(
            attempt_id=self._services.new_id(), session_id=id, processor=query.processor
        )
        try:
            outcome = await begin(at_checkout, command)
            response = await answer(at_checkout, self._views, outcome)
        except LedgerError as error:
            texts = start_refusals(language_for(call.request))
            if not html or (error.code not in texts and not isinstance(error, PaymentDeclined)):
                raise
            current = await session_with_token(self._services, id, query.token)
            page = await checkout_page(call, current, query.token, error=texts.get(error.code, ""))
            page.status_code = status_of(type(error))
            return page
        response = _back(call, id, query.token) if html else response
        kept = remembered(self._services.config, call.request, id)
        response.headers = {**response.headers, **kept}
        return response

    async def stop(self, call: Call, query: TokenQuery, id: SessionPathId) -> HttpResponse:
        """Ask the processor to end an attempt that this screen may end; nothing if it has ended."""
        current = await session_with_token(self._services, id, query.token)
        attempt = current.state.current_attempt
        if attempt is not None:
            if not payer_attempt_view(attempt).may_stop and not attempt.void_requested:
                raise Forbidden(reason="This attempt belongs to a wallet")
            await call.send(RequestVoid(session_id=id, attempt_id=ids.decode("att", attempt.id)))
        if wants_html(call.request):
            return _back(call, id, query.token)
        current = await session_with_token(self._services, id, query.token)
        action = await next_action(at_checkout_of(call, id), current.state)
        view = public_session_view(
            current.state,
            current.now,
            livemode=call.services.config.livemode,
            with_token=True,
            next_action=action,
        )
        return json_response(view)


def _back(call: Call, session_id: UUID, token: str) -> HttpResponse:
    location = checkout_url(session_id, token, chosen_language(call.request))
    return HttpResponse(b"", status_code=303, headers={"Location": location})
