"""The page that a payer comes back to from a processor. It reads the state and trusts no query."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from api import blocking
from api.context import Services
from api.http.accept import wants_html
from api.http.checkout import checkout_identity
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import SessionPathId
from api.pages.checkout import checkout_url, in_language
from api.pages.processing import RETURN_PATH, return_path
from api.pages.rendering import language_for
from api.pages.return_language import language_of_return
from api.pages.routes import message_page
from api.tokens import BadToken, Tokens, Use
from api.v1 import attempt_answers
from api.v1.attempt_answers import next_action, present_state, wait
from api.v1.responses import json_response
from api.views.notices import notice_of
from api.views.sessions import PublicSessionView, public_session_view
from application.errors import NotFound, Unauthorized
from application.ports.processor import ReturnAddress
from application.reader import Current
from domain import ids
from domain.sessions.attempt import Attempt
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN, Status


def return_address(tokens: Tokens, public_url: str) -> ReturnAddress:
    """Makes the address of this page."""
    return lambda session_id, expires_at: public_url + return_path(tokens, session_id, expires_at)


class ReturnRoutes:
    """The operation behind the page. It needs no key, and its own token only."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="comeBack", method="GET", path=f"{RETURN_PATH}/{{id:str}}/{{token:str}}",
                summary="Where a payer comes back to from a processor",
                description="What the processor adds to the address is ignored. Waits for the "
                "end of the attempt for 3 s at most. A browser is then sent to the merchant's "
                "`return_url` if the session has ended and the payer need not be told of money "
                "that is returned; otherwise to the checkout screen, which has a link to it. A "
                "payer with a wallet is sent to the wallet page.",
                page=True, any_query=True, responses={200: PublicSessionView},
                problems=("unauthorized", "not-found"), handler=self.come_back,
            ),
        ]  # fmt: skip

    async def come_back(self, call: Call, id: SessionPathId, token: str) -> HttpResponse:
        """The session's own page for a browser, otherwise what its token shows."""
        html = wants_html(call.request)
        try:
            current = await self._with_token(call, id, token)
        except Unauthorized:
            if html:
                _ = language_for(call.request).gettext
                title = _("This payment link is no longer valid")
                hint = _("Ask the merchant for a new link.")
                return message_page(call, title, hint, status=401)
            raise
        if html:
            lang = language_of_return(call.request)
            location = self._page_of(current.state, current.now, lang)
            return HttpResponse(b"", status_code=303, headers={"Location": location})
        session = current.state
        at_checkout = replace(call, identity=checkout_identity(session.id))
        action = await next_action(at_checkout, session)
        view = public_session_view(
            session,
            current.now,
            livemode=call.services.config.livemode,
            with_token=True,
            next_action=action,
        )
        return json_response(view)

    async def _with_token(
        self, call: Call, id: SessionPathId, token: str
    ) -> Current[PaymentSession]:
        """The session, once its attempt under way has ended or the wait is over."""
        try:
            now = await blocking.read(self._services.reader.clock.now)
            self._services.tokens.check_session(Use.RETURN, token, id, now)
            current = await present_state(call, id)
        except (BadToken, NotFound):  # an unknown id must look like a wrong token
            session = ids.encode("ps", id)
            raise Unauthorized(reason=f"The token is not valid for {session}") from None
        attempt = current.state.current_attempt
        if attempt is not None:
            seconds = attempt_answers.WAIT_SECONDS
            current, _ = await wait(call, id, attempt.id, _has_ended, seconds)
        return current

    def _page_of(self, session: PaymentSession, now: datetime, lang: str) -> str:
        """Where the payer goes on: nothing that the processor adds to the address decides it."""
        last = next(reversed(list(session.attempts.values())), None)
        if last is not None and last.wallet_id is not None:
            return in_language(f"/q/{ids.encode_suffix(session.id)}", lang)
        status = session.status_at(now)
        has_ended = status not in OPEN and status is not Status.PROCESSING
        if has_ended and session.return_url and notice_of(session, now) is None:
            return session.return_url
        token = self._services.tokens.for_session(Use.CHECKOUT, session.id, session.expires_at)
        return checkout_url(session.id, token, lang)


def _has_ended(attempt: Attempt, _redirect_url: str) -> bool:
    return not attempt.active
