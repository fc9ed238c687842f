"""Refunds: merchants return payments, or parts of them."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from api import blocking
from api.context import Services
from api.http.fields import KnownCurrencyCode, text_length
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body, RefundPathId, SessionPathId
from api.v1.access import readable_session
from api.v1.debits import send_debit
from api.v1.lists import Page, caught_up_with_log
from api.v1.responses import command_response, json_response
from api.views.refunds import RefundView, refund_view
from application.command import Command
from application.commands.refund_session import RefundSession
from application.errors import NotFound
from domain import ids
from domain.money.money import AMOUNT_MINOR_MAX, Money
from domain.payouts.debits import Credits
from domain.sessions.refund import REASON_CHARS_MAX
from projections.refunds import Refunds

MERCHANTS: Final = frozenset({CallerRole.MERCHANT})
READERS: Final = MERCHANTS | {CallerRole.AUDITOR}


class PaidMoneyBody(Body):
    """An amount in the currency of a payment, which may have been withdrawn since."""

    minor: Annotated[int, Meta(ge=1, le=AMOUNT_MINOR_MAX)]
    currency: KnownCurrencyCode


class RefundBody(Body):
    """What to return of a payment, in the session's currency. No personal data in the reason."""

    amount: PaidMoneyBody
    reason: Annotated[str, text_length(0, REASON_CHARS_MAX)] = ""


class RefundRoutes:
    """The operations on refunds."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._livemode = services.config.livemode

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        refunds = "/v1/payment-sessions/{id:str}/refunds"
        return [
            Operation(
                name="refundPaymentSession", method="POST", path=refunds,
                summary="Refund a payment, or a part of it",
                callers=MERCHANTS, responses={201: RefundView},
                idempotency=Idempotency.REQUIRED, handler=self.refund,
                problems=(
                    "not-found", "session-not-paid", "refund-exceeds-paid", "refunds-exhausted",
                    "payable-insufficient", "not-caught-up",
                ),
            ),
            Operation(
                name="listRefunds", method="GET", path=refunds,
                summary="List a session's refunds, newest first: always current",
                callers=READERS, responses={200: Page[RefundView]}, problems=("not-found",),
                handler=self.list,
            ),
            Operation(
                name="getRefund", method="GET", path="/v1/refunds/{id:str}",
                summary="Get one refund: always current",
                callers=READERS, responses={200: RefundView},
                problems=("not-found", "not-caught-up"), handler=self.get,
            ),
        ]  # fmt: skip

    async def refund(self, call: Call, body: RefundBody, id: SessionPathId) -> HttpResponse:
        """Refund a session."""
        amount = Money(body.amount.minor, body.amount.currency)
        refund_id = self._services.new_id()

        def make_command(earned: Credits, *, current: bool) -> Command:
            return RefundSession(
                refund_id=refund_id,
                session_id=id,
                merchant_id=call.identity.stream_id,
                amount=amount,
                reason=body.reason,
                credits=earned,
                credits_are_current=current,
            )

        outcome = await send_debit(call, amount.currency, make_command)
        session = outcome.subject
        *_, refund = session.refunds.values()  # of a replay too: the session at that version
        view = refund_view(session, refund, outcome.position, livemode=self._livemode)
        location = f"{self._services.config.public_url}/v1/refunds/{view.id}"
        return command_response(outcome, view, status=201, location=location)

    async def list(self, call: Call, id: SessionPathId) -> HttpResponse:
        """A session's refunds."""
        current = await readable_session(call, id)
        session = current.state
        views = [
            refund_view(session, refund, current.position, livemode=self._livemode)
            for refund in reversed(list(session.refunds.values()))
        ]
        return json_response(Page(views, None))

    async def get(self, call: Call, id: RefundPathId) -> HttpResponse:
        """One refund."""
        session_id = await session_of_refund(call, id)
        try:
            current = await readable_session(call, session_id)
        except NotFound:
            raise NotFound(thing="refund") from None
        refund = current.state.refunds[ids.encode("ref", id)]
        view = refund_view(current.state, refund, current.position, livemode=self._livemode)
        return json_response(view)


async def session_of_refund(call: Call, refund_id: UUID) -> UUID:
    """The session whose refund it is.

    Raises (checked in this order):
        NotCaughtUp: the refund may be newer than the read model.
        NotFound: there is no such refund.
    """
    services = call.services
    refunds = services.read_models[Refunds]
    session_id = await blocking.read(refunds.session_of, refund_id)
    if session_id is None:  # it may be in the log already
        await caught_up_with_log(call, Refunds, await blocking.read(services.log.head))
        session_id = await blocking.read(refunds.session_of, refund_id)
    if session_id is None:
        raise NotFound(thing="refund")
    return session_id
