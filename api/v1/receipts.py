"""Receipts of payments and refunds: what merchant and payer keep, and check without us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from api import blocking
from api.context import Services
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import RefundPathId, SessionPathId
from api.v1.access import readable_session, readable_wallet
from api.v1.lists import Page
from api.v1.refunds import session_of_refund
from api.v1.responses import json_response
from api.v1.sealed_log import TEXT, receipt_response
from api.views.money import MoneyView, amount_view, money_view
from api.views.receipts import ReceiptView
from application.errors import NotFound
from application.event_log import Recorded, history
from domain import ids, times
from domain.money.money import Money
from domain.sessions.errors import SessionNotPaid
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import RefundStatus

PAYERS: Final = frozenset({CallerRole.WALLET, CallerRole.PAGE})
READERS: Final = PAYERS | {CallerRole.MERCHANT, CallerRole.AUDITOR}
NEIGHBOURS_MAX: Final = 64
"""The payer's event was recorded by the same command as the session's, this near to it."""
REFUNDS_LISTED_MAX: Final = 20
"""Of one session; receipts of others are found by the refund's id."""


class ReceiptRoutes:
    """The operations that hand out receipts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="getPaymentReceipt", method="GET",
                path="/v1/payment-sessions/{id:str}/receipt",
                summary="The receipt of a payment (`.tlog-proof`), as soon as it is sealed",
                description=(
                    "Of `payment_session.paid` for the merchant and auditors, of `wallet.captured` "
                    "for the wallet that has paid."
                ),
                callers=READERS, responses={200: TEXT}, handler=self.of_payment,
                problems=("not-found", "session-not-paid", "not-sealed"),
            ),
            Operation(
                name="getRefundReceipt", method="GET", path="/v1/refunds/{id:str}/receipt",
                summary="The receipt of a refund (`.tlog-proof`), as soon as it is sealed",
                description=(
                    "Of the refund's latest event for the merchant and auditors, of "
                    "`wallet.credited` for the wallet that has paid."
                ),
                callers=READERS, responses={200: TEXT}, handler=self.of_refund,
                problems=("not-found", "not-caught-up", "not-sealed"),
            ),
            Operation(
                name="listReceipts", method="GET",
                path="/v1/payment-sessions/{id:str}/receipts",
                summary="The receipts of a payment and its refunds, and which are sealed",
                description=(
                    f"Newest first: at most {REFUNDS_LISTED_MAX} refunds, then the payment. The "
                    "wallet that has paid sees the refunds that have succeeded."
                ),
                callers=READERS, responses={200: Page[ReceiptView]}, handler=self.list,
                problems=("not-found", "session-not-paid"),
            ),
        ]  # fmt: skip

    async def of_payment(self, call: Call, id: SessionPathId) -> HttpResponse:
        """The receipt of a payment."""
        session = (await readable_session(call, id)).state
        events = await blocking.read(history, self._services.log, id)
        paid = [recorded for recorded in events if recorded.topic == "payment_session.paid"]
        if not paid:
            raise SessionNotPaid(session_id=session.public_id, session_status=session.status.value)
        recorded = await self._own_event(call, session, paid[0], "wallet.captured")
        return await self._response(recorded, session.public_id)

    async def of_refund(self, call: Call, id: RefundPathId) -> HttpResponse:
        """The receipt of a refund."""
        session_id = await session_of_refund(call, id)
        name = ids.encode("ref", id)
        try:
            session = (await readable_session(call, session_id)).state
            events = await blocking.read(history, self._services.log, session_id)
            *_, last = (r for r in events if getattr(r.event, "refund_id", None) == name)
            recorded = await self._own_event(call, session, last, "wallet.credited")
        except NotFound:
            raise NotFound(thing="refund") from None
        return await self._response(recorded, name)

    async def list(self, call: Call, id: SessionPathId) -> HttpResponse:
        """The receipts of a session."""
        session = (await readable_session(call, id)).state
        if call.identity.role in PAYERS:
            await self._check_payer(call, session)
        return json_response(Page(await receipts_of(call, session), None))

    async def _response(self, recorded: Recorded, name: str) -> HttpResponse:
        receipt = await blocking.read(self._services.evidence.receipt, recorded.position)
        return receipt_response(receipt, name)

    async def _own_event(
        self, call: Call, session: PaymentSession, recorded: Recorded, payers_topic: str
    ) -> Recorded:
        """The event that the caller gets a receipt of: the session's, or the payer's beside it."""
        if call.identity.role not in PAYERS:
            return recorded
        wallet = await self._check_payer(call, session)
        after = max(0, recorded.position - NEIGHBOURS_MAX)
        near = await blocking.read(self._services.log.read, after, 2 * NEIGHBOURS_MAX)
        return _of_wallet(near, recorded, wallet, payers_topic)

    async def _check_payer(self, call: Call, session: PaymentSession) -> UUID:
        """The wallet that has paid, which must be the caller's.

        Raises:
            NotFound: it is not, or no wallet has paid.
        """
        if session.payment is None or session.payment.wallet_id is None:
            raise NotFound(thing="payment")
        wallet = ids.decode("wal", session.payment.wallet_id)
        await readable_wallet(call, wallet)
        return wallet


async def receipts_of(call: Call, session: PaymentSession) -> list[ReceiptView]:
    """The receipts of a session that the caller may read and, if it is a wallet, has paid.

    Raises:
        SessionNotPaid: it was not paid.
    """
    services, payment = call.services, session.payment
    if payment is None:
        raise SessionNotPaid(session_id=session.public_id, session_status=session.status.value)
    is_payer = call.identity.role in PAYERS
    sealed = await blocking.read(services.evidence.sealed)
    latest: dict[str, Recorded] = {}
    for recorded in await blocking.read(history, services.log, session.id):
        if recorded.topic == "payment_session.paid":
            latest[session.public_id] = recorded
        if refund_id := getattr(recorded.event, "refund_id", None):
            latest[refund_id] = recorded

    def view(of: Literal["payment", "refund"], id: str, money: MoneyView) -> ReceiptView:
        place = "payment-sessions" if of == "payment" else "refunds"
        return ReceiptView(
            livemode=services.config.livemode,
            of=of,
            id=id,
            amount=money,
            recorded_at=times.to_text(latest[id].recorded_at),
            sealed=latest[id].position <= sealed,
            url=f"{services.config.public_url}/v1/{place}/{id}/receipt",
        )

    refunds = [
        view(
            "refund",
            one.id,
            amount_view(one.credited)
            if is_payer
            else money_view(Money(one.amount_minor, session.amount.currency)),
        )
        for one in reversed(list(session.refunds.values()))
        if not is_payer or one.status is RefundStatus.SUCCEEDED
    ]
    paid = amount_view(payment.payer_amount) if is_payer else money_view(session.amount)
    return [*refunds[:REFUNDS_LISTED_MAX], view("payment", session.public_id, paid)]


def _of_wallet(near: Sequence[Recorded], recorded: Recorded, wallet: UUID, topic: str) -> Recorded:
    """The wallet's event of the same command.

    Raises:
        NotFound: there is none.
    """
    for one in near:
        if (one.command_id, one.stream_id, one.topic) == (recorded.command_id, wallet, topic):
            return one
    raise NotFound(thing="payment")
