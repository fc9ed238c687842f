"""Commands on payment sessions: merchants create and cancel them, wallets pay them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from api.context import Services
from api.http.fields import (
    ClaimId,
    Description,
    Metadata,
    OrderId,
    QuoteId,
    Url,
    WalletId,
    text_length,
)
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body, MoneyBody, SessionPathId
from api.v1.access import acting_wallet, readable_session
from api.v1.attempt_answers import answer
from api.v1.attempt_starts import begin
from api.v1.responses import command_response
from api.views.sessions import SessionView, SessionViews
from application.command import Outcome
from application.commands.cancel_session import CancelSession
from application.commands.create_session import CreateSession
from application.commands.pay_session import PaySession
from application.commands.release_claim import ReleaseClaim
from application.commands.start_attempt import StartAttempt
from domain import ids
from domain.errors import InvalidRequest
from domain.processors.names import PROCESSOR_CHARS_MAX
from domain.sessions.state import (
    LIFETIME_SECONDS_DEFAULT,
    LIFETIME_SECONDS_MAX,
    LIFETIME_SECONDS_MIN,
    Status,
)

MERCHANTS: Final = frozenset({CallerRole.MERCHANT})
WALLETS: Final = frozenset({CallerRole.WALLET, CallerRole.PAGE})
CLAIM_PROBLEMS: Final = (
    "session-expired", "session-not-payable", "session-claimed", "claim-required",
)  # fmt: skip


class CreateSessionBody(Body):
    """The payment that a merchant requests. Do not put personal data in free text."""

    order_id: OrderId
    amount: MoneyBody
    description: Description = ""
    expires_in_seconds: Annotated[int, Meta(ge=LIFETIME_SECONDS_MIN, le=LIFETIME_SECONDS_MAX)] = (
        LIFETIME_SECONDS_DEFAULT
    )
    return_url: Url | None = None
    callback_url: Url | None = None
    """Where notices of this session go, signed with the merchant's callback secret."""
    metadata: Metadata = {}  # noqa: RUF012 - msgspec copies it
    checkout_may_cancel: bool = False


class SourceBody(Body):
    """A processor, and its token of the payer's way to pay; the wallet's money is not touched."""

    processor: Annotated[str, text_length(1, PROCESSOR_CHARS_MAX)]
    token: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=255,
            pattern="^[!-~]+$",
            extra={"must": "must have 1 to 255 printable ASCII characters and no spaces"},
        ),
    ]


class PayBody(Body):
    """The claim that the scan returned, and the session's amount, which the payer confirmed.

    A wallet in another currency names its exchange quote; a payment by somebody else than the
    wallet names its source.
    """

    claim_id: ClaimId
    wallet_id: WalletId
    amount: MoneyBody
    quote_id: QuoteId | None = None
    source: SourceBody | None = None


class SessionRoutes:
    """The commands on payment sessions."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._views = SessionViews(services.config, services.tokens)
        self._sessions_url = f"{services.config.public_url}/v1/payment-sessions/"

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        session = "/v1/payment-sessions/{id:str}"
        return [
            Operation(
                name="createPaymentSession", method="POST", path="/v1/payment-sessions",
                summary="Request a payment; the response has the QR code",
                callers=MERCHANTS, responses={201: SessionView},
                idempotency=Idempotency.OPTIONAL, handler=self.create,
                problems=("order-open", "order-paid", "not-found"),
            ),
            Operation(
                name="payPaymentSession", method="POST", path=f"{session}/pay",
                summary="Pay a claimed session in full",
                callers=WALLETS, responses={200: SessionView, 202: SessionView},
                idempotency=Idempotency.REQUIRED, handler=self.pay,
                problems=(
                    "not-found", *CLAIM_PROBLEMS, "amount-mismatch", "quote-mismatch",
                    "quote-used", "quote-expired", "wallet-currency-mismatch",
                    "insufficient-funds", "payment-declined", "payment-in-flight",
                    "processor-not-enabled", "processor-unavailable", "amount-unsupported",
                    "test-only",
                ),
            ),
            Operation(
                name="cancelPaymentSession", method="POST", path=f"{session}/cancel",
                summary="Cancel a session that has not ended",
                callers=MERCHANTS, responses={200: SessionView},
                idempotency=Idempotency.OPTIONAL, handler=self.cancel,
                problems=("not-found", "payment-in-flight", "session-not-payable"),
            ),
            Operation(
                name="releaseClaim", method="DELETE", path=f"{session}/claim",
                summary="Release a claim before its lease ends",
                callers=WALLETS, responses={200: SessionView}, handler=self.release,
                problems=("not-found", *CLAIM_PROBLEMS),
            ),
        ]  # fmt: skip

    async def create(self, call: Call, body: CreateSessionBody) -> HttpResponse:
        """Create a session."""
        outcome = await call.send(
            CreateSession(
                session_id=self._services.new_id(),
                merchant_id=call.identity.stream_id,
                order_id=body.order_id,
                amount=body.amount.to_money(),
                description=body.description,
                expires_in_seconds=body.expires_in_seconds,
                return_url=body.return_url,
                callback_url=body.callback_url,
                metadata=body.metadata,
                checkout_may_cancel=body.checkout_may_cancel,
            )
        )
        return self._response(call, outcome, status=201)

    async def pay(self, call: Call, body: PayBody, id: SessionPathId) -> HttpResponse:
        """Pay a claimed session."""
        if body.source is not None:
            return await self._pay_by_source(call, body, body.source, id)
        command = PaySession(
            session_id=id,
            wallet_id=acting_wallet(call.identity, body.wallet_id),
            wallet_app_id=call.identity.wallet_app_id,
            claim_id=body.claim_id,
            amount=body.amount.to_money(),
            quote_id=body.quote_id,
        )
        outcome = await call.send(command)
        if outcome.subject.status is Status.PROCESSING:
            return await answer(call, self._views, outcome)
        return self._response(call, outcome)

    async def _pay_by_source(
        self, call: Call, body: PayBody, source: SourceBody, session_id: UUID
    ) -> HttpResponse:
        """Pay through a processor, which takes the money from its own account of the payer."""
        if body.quote_id is not None:
            raise InvalidRequest.of("quote_id", "is for payments from the wallet's balance")
        command = StartAttempt(
            attempt_id=self._services.new_id(),
            session_id=session_id,
            processor=source.processor,
            wallet_id=acting_wallet(call.identity, body.wallet_id),
            wallet_app_id=call.identity.wallet_app_id,
            claim_id=body.claim_id,
            amount=body.amount.to_money(),
            any_processor=True,
        )
        return await answer(call, self._views, await begin(call, command, token=source.token))

    async def cancel(self, call: Call, id: SessionPathId) -> HttpResponse:
        """Cancel a session."""
        command = CancelSession(session_id=id, merchant_id=call.identity.holder)
        return self._response(call, await call.send(command))

    async def release(self, call: Call, id: SessionPathId) -> HttpResponse:
        """Release a claim."""
        await readable_session(call, id)
        wallet_id = call.identity.wallet_id
        command = ReleaseClaim(
            session_id=id,
            wallet_app_id=call.identity.wallet_app_id,
            wallet_id=ids.encode("wal", wallet_id) if wallet_id else None,
        )
        return self._response(call, await call.send(command))

    def _response(self, call: Call, outcome: Outcome, *, status: int = 200) -> HttpResponse:
        view = self._views.view(
            outcome.subject,
            position=outcome.position,
            now=outcome.recorded_at,
            identity=call.identity,
        )
        created = status == HTTPStatus.CREATED
        location = f"{self._sessions_url}{view.id}" if created else ""
        return command_response(outcome, view, status=status, location=location)
