"""The pages of a merchant's payments: what became of each, and the receipts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from api import blocking
from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import RefundPathId, SessionPathId
from api.pages.dashboards.access import for_merchant
from api.pages.dashboards.frame import PAYMENTS, SESSIONS, address, dashboard_page, go_to
from api.pages.dashboards.texts import refund_status_names
from api.pages.moments import moment
from api.pages.rendering import language_for
from api.pages.routes import VERIFIER, LanguageQuery
from api.pages.sessions import status_texts
from api.pages.texts import Language
from api.v1.access import readable_session
from api.v1.lists import page_of, read_cursor
from api.v1.receipts import ReceiptRoutes, receipts_of
from api.v1.refunds import session_of_refund
from api.v1.sealed_log import TEXT
from api.views import money
from api.views.receipts import ReceiptView
from api.views.sessions import REFUND_FLAGS, SessionSource, session_flags
from application.errors import NotSealed
from domain import ids
from domain.money.money import Money
from domain.sessions.errors import SessionNotPaid
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import Refund
from projections.sessions import SessionRow, Sessions

ROWS_MAX: Final = 20
"""Payments on a page."""


class PaymentsQuery(LanguageQuery, kw_only=True):
    """Where the list continues."""

    cursor: str = ""


class PaymentPageRoutes:
    """The pages of a merchant's payments."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._receipts = ReceiptRoutes(services)

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        html, session = {200: "text/html"}, f"{PAYMENTS}/{{id:str}}"
        refund = "/dashboard/refunds/{id:str}/receipt"
        return [
            Operation(
                name="getPaymentsPage", method="GET", path=PAYMENTS,
                summary="The page of a merchant's payments, newest first",
                responses=html, problems=("unauthorized",), handler=self.list,
            ),
            Operation(
                name="getPaymentPage", method="GET", path=session,
                summary="The page of one payment: its refunds and its receipts",
                responses=html, problems=("unauthorized", "not-found"), handler=self.get,
            ),
            Operation(
                name="getPaymentReceiptFromPage", method="GET", path=f"{session}/receipt",
                summary="The receipt of a payment; while there is none, its page",
                responses={200: TEXT, 303: None}, problems=("unauthorized", "not-found"),
                handler=self.payment_receipt,
            ),
            Operation(
                name="getRefundReceiptFromPage", method="GET", path=refund,
                summary="The receipt of a refund; while there is none, the page of its payment",
                responses={200: TEXT, 303: None}, handler=self.refund_receipt,
                problems=("unauthorized", "not-found", "not-caught-up"),
            ),
        ]  # fmt: skip

    @for_merchant
    async def list(self, call: Call, query: PaymentsQuery) -> HttpResponse:
        """A page of the list."""
        language = language_for(call.request)
        before = read_cursor(self._services.tokens, query.cursor or None)

        def rows() -> list[SessionRow]:
            return self._services.read_models[Sessions].of_merchant(
                call.identity.holder,
                before=before,
                limit=ROWS_MAX + 1,
                now=self._services.log.now(),
            )

        found = await blocking.read(rows)
        page = page_of(call, found, ROWS_MAX, lambda one: one, lambda one: one.created_position)
        cursor = page.next_cursor
        return await dashboard_page(
            call,
            "dashboard_payments.html",
            rows=[_shown(call, language, one) for one in page.data],
            newest=address(call, PAYMENTS) if query.cursor else "",
            older=address(call, PAYMENTS, cursor=cursor) if cursor else "",
        )

    @for_merchant
    async def get(self, call: Call, query: LanguageQuery, id: SessionPathId) -> HttpResponse:  # noqa: ARG002
        """One payment."""
        language = language_for(call.request)
        session = (await readable_session(call, id)).state
        receipts = await receipts_of(call, session) if session.payment else []
        fee = Money(session.fee_minor, session.amount.currency)
        by_id = {one.id: _receipt(call, one) for one in receipts}
        return await dashboard_page(
            call,
            "dashboard_payment.html",
            row=_shown(call, language, session),
            fee=money.display(fee, language.locale),
            paid=session.payment and moment(language, session.payment.paid_at),
            receipt=by_id.get(session.public_id),
            refunds=[
                _refund(language, session, one) | {"receipt": by_id.get(one.id)}
                for one in reversed(list(session.refunds.values()))
            ],
            waiting=any(not one.sealed for one in receipts),
            reload=address(call, f"{PAYMENTS}/{session.public_id}"),
            verifier=address(call, VERIFIER),
            back=address(call, PAYMENTS),
            history=address(call, f"{SESSIONS}/{session.public_id}"),
        )

    @for_merchant
    async def payment_receipt(
        self,
        call: Call,
        query: LanguageQuery,  # noqa: ARG002 - the page reads `lang` from the request
        id: SessionPathId,
    ) -> HttpResponse:
        """The receipt of a payment."""
        return await _or_page(call, id, lambda: self._receipts.of_payment(call, id))

    @for_merchant
    async def refund_receipt(
        self,
        call: Call,
        query: LanguageQuery,  # noqa: ARG002 - the page reads `lang` from the request
        id: RefundPathId,
    ) -> HttpResponse:
        """The receipt of a refund."""
        session_id = await session_of_refund(call, id)
        return await _or_page(call, session_id, lambda: self._receipts.of_refund(call, id))


async def _or_page(
    call: Call, session_id: Any, receipt: Callable[[], Awaitable[HttpResponse]]
) -> HttpResponse:
    """A receipt; while there is none, the page of the payment, which says so."""
    try:
        return await receipt()
    except (NotSealed, SessionNotPaid):
        return go_to(address(call, f"{PAYMENTS}/{ids.encode('ps', session_id)}"))


def _shown(call: Call, language: Language, session: SessionSource) -> dict[str, Any]:
    """A payment for the templates, from the log or from the list."""
    status = session.status_at(call.services.reader.clock.estimate()).value
    refunds = [flag for flag in session_flags(session) if flag in REFUND_FLAGS]
    name = refunds[0] if refunds else status
    session_id = ids.encode("ps", session.id)
    return {
        "id": session_id,
        "url": address(call, f"{PAYMENTS}/{session_id}"),
        "status": name,
        "status_name": status_texts(language)[name][0],
        "amount": money.display(session.amount, language.locale),
        "order_id": session.order_id,
        "description": session.description,
        "created": moment(language, session.created_on),
    }


def _refund(language: Language, session: PaymentSession, refund: Refund) -> dict[str, Any]:
    amount = Money(refund.amount_minor, session.amount.currency)
    return {
        "id": refund.id,
        "status": refund.status.value,
        "status_name": refund_status_names(language)[refund.status.value],
        "amount": money.display(amount, language.locale),
        "reason": refund.reason,
        "created": moment(language, refund.created_at),
    }


def _receipt(call: Call, receipt: ReceiptView) -> dict[str, Any]:
    """Whether a receipt is sealed, and where it is on these pages."""
    refund = f"/dashboard/refunds/{receipt.id}"
    place = refund if receipt.of == "refund" else f"{PAYMENTS}/{receipt.id}"
    return {"sealed": receipt.sealed, "url": address(call, f"{place}/receipt")}
