"""Attempts to pay a session through a processor, and late money that a merchant accepts."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from msgspec import Meta

from api.context import Services
from api.http.checkout import SESSION_TOKEN_CHARS_MAX
from api.http.fields import text_length
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body, Query, SessionPathId
from api.v1.access import readable_session
from api.v1.attempt_answers import answer
from api.v1.attempt_starts import begin
from api.v1.lists import Page
from api.v1.responses import command_response, json_response
from api.views.attempts import AttemptView, attempt_view
from api.views.sessions import PublicSessionView, SessionView, SessionViews
from application.commands.accept_late_money import AcceptLateMoney
from application.commands.start_attempt import StartAttempt
from domain import ids
from domain.processors.names import PROCESSOR_CHARS_MAX
from domain.sessions.errors import ClaimRequired
from domain.sessions.payment_session import PaymentSession

MERCHANTS: Final = frozenset({CallerRole.MERCHANT})
READERS: Final = MERCHANTS | {CallerRole.AUDITOR}
PAYERS: Final = MERCHANTS | {CallerRole.WALLET, CallerRole.PAGE, CallerRole.CHECKOUT}


class AttemptBody(Body):
    """The processor through which to pay: one that the merchant has enabled."""

    processor: Annotated[str, text_length(1, PROCESSOR_CHARS_MAX)]


class CheckoutTokenQuery(Query):
    """The session's token, as in its `checkout_url`, of a caller without a key."""

    token: Annotated[str, Meta(max_length=SESSION_TOKEN_CHARS_MAX)] = ""


class AttemptRoutes:
    """The operations on attempts."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._views = SessionViews(services.config, services.tokens)

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        session = "/v1/payment-sessions/{id:str}"
        return [
            Operation(
                name="startPaymentAttempt", method="POST", path=f"{session}/attempts",
                summary="Pay a session through a processor",
                description="Waits for the processor for 3 s at most. A wallet needs its claim; a "
                "checkout screen sends its session's token, as `token` or as its key, and gets the "
                "part of the session that the token shows. The payer's own attempt through "
                "another processor is voided first. A replay answers by the attempt's present "
                "state: 200, 202 or 402.",
                callers=PAYERS,
                responses={
                    202: SessionView | PublicSessionView, 200: SessionView | PublicSessionView,
                },
                idempotency=Idempotency.OPTIONAL, handler=self.start,
                problems=(
                    "not-found", "payment-in-flight", "session-expired", "session-not-payable",
                    "session-claimed", "claim-required", "processor-not-enabled",
                    "payment-declined", "processor-unavailable", "amount-unsupported", "test-only",
                ),
            ),
            Operation(
                name="listPaymentAttempts", method="GET", path=f"{session}/attempts",
                summary="List a session's attempts, newest first: always current",
                callers=READERS, responses={200: Page[AttemptView]}, problems=("not-found",),
                handler=self.list,
            ),
            Operation(
                name="acceptLateMoney", method="POST", path=f"{session}/accept",
                summary="Accept money that arrived late as the payment of its session",
                callers=MERCHANTS, responses={200: SessionView},
                idempotency=Idempotency.OPTIONAL, handler=self.accept,
                problems=(
                    "not-found", "order-open", "order-paid", "payment-in-flight",
                    "nothing-to-accept",
                ),
            ),
        ]  # fmt: skip

    async def start(
        self,
        call: Call,
        body: AttemptBody,
        query: CheckoutTokenQuery,  # noqa: ARG002 - the router authenticates the caller with it
        id: SessionPathId,
    ) -> HttpResponse:
        """Begin an attempt, and answer once the processor has, or after a limited wait."""
        session = (await readable_session(call, id)).state
        command = StartAttempt(
            attempt_id=self._services.new_id(), session_id=id, processor=body.processor
        )
        outcome = await begin(call, self._for_caller(call, session, command))
        return await answer(call, self._views, outcome)

    async def list(self, call: Call, id: SessionPathId) -> HttpResponse:
        """A session's attempts."""
        current = await readable_session(call, id)
        attempts = reversed(list(current.state.attempts.values()))
        livemode = self._services.config.livemode
        return json_response(Page([attempt_view(one, livemode=livemode) for one in attempts], None))

    async def accept(self, call: Call, id: SessionPathId) -> HttpResponse:
        """Accept late money."""
        command = AcceptLateMoney(session_id=id, merchant_id=call.identity.stream_id)
        outcome = await call.send(command)
        view = self._views.view(
            outcome.subject,
            position=outcome.position,
            now=outcome.recorded_at,
            identity=call.identity,
        )
        return command_response(outcome, view)

    def _for_caller(
        self, call: Call, session: PaymentSession, command: StartAttempt
    ) -> StartAttempt:
        """The command as a merchant, a checkout screen, or the wallet with the claim sends it."""
        identity, claim = call.identity, session.claim
        if identity.role is CallerRole.CHECKOUT:
            return command
        if identity.role is CallerRole.MERCHANT:
            return replace(command, merchant_id=identity.stream_id)
        if claim is None or not identity.owns(claim.wallet_app_id, claim.wallet_id):
            raise ClaimRequired(session_id=session.public_id)
        return replace(
            command,
            wallet_id=ids.decode("wal", claim.wallet_id),
            wallet_app_id=identity.wallet_app_id,
            claim_id=claim.id,
            amount=session.amount,
        )
