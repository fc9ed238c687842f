"""Payouts: merchants take money out, and see what has become of it."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType

from api import blocking
from api.context import Services
from api.http.fields import KnownCurrencyCode, MerchantId
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body, MoneyBody, PayoutPathId, none_if_unset
from api.v1.access import readable_payout
from api.v1.debits import send_debit
from api.v1.lists import ListQuery, Page, caught_up, page_of, read_cursor
from api.v1.responses import command_response, json_response
from api.views.payouts import PayoutStatusName, PayoutView, payout_view
from application.command import Command
from application.commands.request_payout import RequestPayout
from application.errors import NotFound
from domain.payouts.debits import Credits
from projections.payouts import PayoutRow, Payouts

MERCHANTS: Final = frozenset({CallerRole.MERCHANT})
READERS: Final = MERCHANTS | {CallerRole.AUDITOR, CallerRole.OPERATOR}


class PayoutBody(Body):
    """How much to pay out, to the destination that the operator registered for the currency."""

    amount: MoneyBody


class PayoutsQuery(ListQuery):
    """Filters of the list."""

    status: PayoutStatusName | UnsetType = UNSET
    currency: KnownCurrencyCode | UnsetType = UNSET
    merchant: MerchantId | UnsetType = UNSET
    """For auditors and operators; a merchant sees its own payouts."""


class PayoutRoutes:
    """The operations on payouts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="requestPayout", method="POST", path="/v1/payouts",
                summary="Take money out of what the merchant has been paid",
                callers=MERCHANTS, responses={201: PayoutView},
                idempotency=Idempotency.REQUIRED, handler=self.request,
                problems=("no-payout-destination", "payable-insufficient", "not-caught-up"),
            ),
            Operation(
                name="listPayouts", method="GET", path="/v1/payouts",
                summary="List payouts, newest first",
                description="A merchant sees its own; auditors and operators may name one.",
                callers=READERS, responses={200: Page[PayoutView]},
                problems=("not-found", "not-caught-up"), handler=self.list,
            ),
            Operation(
                name="getPayout", method="GET", path="/v1/payouts/{id:str}",
                summary="Get one payout, read from the log: always current",
                callers=READERS, responses={200: PayoutView}, problems=("not-found",),
                handler=self.get,
            ),
        ]  # fmt: skip

    async def request(self, call: Call, body: PayoutBody) -> HttpResponse:
        """Request a payout."""
        amount, payout_id = body.amount.to_money(), self._services.new_id()

        def make_command(earned: Credits, *, current: bool) -> Command:
            return RequestPayout(
                payout_id=payout_id,
                merchant_id=call.identity.stream_id,
                amount=amount,
                credits=earned,
                credits_are_current=current,
            )

        outcome = await send_debit(call, amount.currency, make_command)
        view = payout_view(
            outcome.subject, outcome.position, livemode=self._services.config.livemode
        )
        location = f"{self._services.config.public_url}/v1/payouts/{view.id}"
        return command_response(outcome, view, status=201, location=location)

    async def get(self, call: Call, id: PayoutPathId) -> HttpResponse:
        """One payout."""
        current = await readable_payout(call, id)
        livemode = self._services.config.livemode
        return json_response(payout_view(current.state, current.position, livemode=livemode))

    async def list(self, call: Call, query: PayoutsQuery) -> HttpResponse:
        """A page of payouts."""
        merchant_id = none_if_unset(query.merchant)
        if call.identity.role is CallerRole.MERCHANT:
            if merchant_id not in {None, call.identity.holder}:
                raise NotFound(thing="merchant")
            merchant_id = call.identity.holder
        await caught_up(call, Payouts, none_if_unset(query.at_least))
        rows = await blocking.read(
            self._services.read_models[Payouts].newest,
            merchant_id=merchant_id,
            status=none_if_unset(query.status),
            currency=none_if_unset(query.currency),
            before=read_cursor(self._services.tokens, none_if_unset(query.cursor)),
            limit=query.limit + 1,
        )

        def view(row: PayoutRow) -> PayoutView:
            return payout_view(row, row.position, livemode=self._services.config.livemode)

        page = page_of(call, rows, query.limit, view, lambda row: row.created_position)
        return json_response(page)
