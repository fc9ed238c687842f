"""Payments through processors from the checkout screen: start one, or stop it for another way."""

from __future__ import annotations

from typing import Annotated

from api.context import Services
from api.http.errors import status_of
from api.http.fields import text_length
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import SessionPathId
from api.pages.processing import payer_action
from api.pages.rendering import language_for, wants_html
from api.pages.routes import TokenQuery, checkout_page, checkout_url, session_with_token
from api.pages.sessions import start_refusals
from api.v1.attempt_answers import present_state
from api.v1.responses import json_response
from api.views.attempts import payer_attempt_view
from api.views.sessions import PublicSessionView, public_session_view
from application.commands.request_void import RequestVoid
from application.commands.start_attempt import StartAttempt
from application.errors import Forbidden
from application.reader import Current
from domain import ids
from domain.errors import LedgerError
from domain.processors.names import PROCESSOR_CHARS_MAX
from domain.sessions.attempt_records import refusal
from domain.sessions.payment_session import PaymentSession


class StartQuery(TokenQuery, kw_only=True):
    """The session's token, and the processor through which to pay."""

    processor: Annotated[str, text_length(1, PROCESSOR_CHARS_MAX)]


class CheckoutAttemptRoutes:
    """The operations of the checkout screen's buttons. They need no key, but the token."""

    def __init__(self, services: Services) -> None:
        self._services = services

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
                    "payment-in-flight", "processor-not-enabled", "payment-declined",
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
        """Begin an attempt. A browser gets the screen, with the reason if it is refused."""
        current = await session_with_token(self._services, id, query.token)
        command = StartAttempt(
            attempt_id=self._services.new_id(), session_id=id, processor=query.processor
        )
        html = wants_html(call.request)
        try:
            outcome = await call.send(command)
        except LedgerError as error:
            texts = start_refusals(language_for(call.request))
            if not html or error.code not in texts:
                raise
            now = await session_with_token(self._services, id, query.token)
            page = await checkout_page(call, now, query.token, error=texts[error.code])
            page.status_code = status_of(type(error))
            return page
        present = await present_state(call, outcome.subject)
        if html:
            return _back(current, query.token)
        attempts = list(present.state.attempts.values())
        if attempts and (declined := refusal(present.state, attempts[-1])):
            raise declined
        in_flight = present.state.current_attempt is not None
        return await self._view(present, status=202 if in_flight else 200)

    async def stop(self, call: Call, query: TokenQuery, id: SessionPathId) -> HttpResponse:
        """Ask the processor to end an attempt that this screen may end; nothing if it has ended."""
        current = await session_with_token(self._services, id, query.token)
        attempt = current.state.current_attempt
        if attempt is not None:
            if not payer_attempt_view(attempt).may_stop and not attempt.void_requested:
                raise Forbidden(reason="This attempt belongs to a wallet")
            await call.send(RequestVoid(session_id=id, attempt_id=ids.decode("att", attempt.id)))
        if wants_html(call.request):
            return _back(current, query.token)
        return await self._view(await session_with_token(self._services, id, query.token))

    async def _view(self, current: Current[PaymentSession], *, status: int = 200) -> HttpResponse:
        action = await payer_action(self._services, current.state)
        view = public_session_view(current.state, current.now, with_token=True, next_action=action)
        return json_response(view, status=status)


def _back(current: Current[PaymentSession], token: str) -> HttpResponse:
    location = {"Location": checkout_url(current.state, token)}
    return HttpResponse(b"", status_code=303, headers=location)
