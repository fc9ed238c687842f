"""Static codes: merchants make them, list them and revoke them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType, field

from api import blocking
from api.context import Services
from api.http.fields import CurrencyCode, MerchantId, text_length
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body, MoneyBody, StaticCodePathId, none_if_unset
from api.v1.access import readable_static_code
from api.v1.lists import ListQuery, Page, caught_up, page_of, read_cursor
from api.v1.responses import command_response, json_response
from api.views.static_codes import ShownCode, StaticCodeView, static_code_view
from application.commands.issue_static_code import IssueStaticCode
from application.commands.revoke_static_code import RevokeStaticCode
from application.errors import NotFound
from domain.errors import InvalidRequest
from domain.money.money import Money
from domain.static_codes.static_code import LABEL_CHARS_MAX
from domain.static_codes.terms import Terms
from domain.static_codes.texts import Format
from projections.static_codes import StaticCodeRow, StaticCodes

MERCHANTS: Final = frozenset({CallerRole.MERCHANT})
READERS: Final = MERCHANTS | {CallerRole.AUDITOR}
Formats = Annotated[
    list[Literal["url", "emv"]],
    Meta(min_length=1, max_length=2, extra_json_schema={"uniqueItems": True}),
]


class StaticCodeBody(Body):
    """A code to print. Do not put personal data in the label.

    With `amount` every payment is of this amount; without it the payer enters one from `min` to
    `max`.
    """

    currency: CurrencyCode
    amount: MoneyBody | None = None
    min: MoneyBody | None = None
    max: MoneyBody | None = None
    label: Annotated[str, text_length(0, LABEL_CHARS_MAX)] = ""
    formats: Formats = field(default_factory=lambda: ["url"])


class StaticCodesQuery(ListQuery):
    """Filters of the list."""

    merchant: MerchantId | UnsetType = UNSET
    """For auditors; a merchant sees its own codes."""


class StaticCodeRoutes:
    """The operations on static codes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        one = "/v1/static-codes/{id:str}"
        return [
            Operation(
                name="issueStaticCode", method="POST", path="/v1/static-codes",
                summary="Make a static code, to be printed and paid many times",
                description=(
                    "The signed texts never change. The format `emv` needs the settings of "
                    "`qrledger merchants qr`."
                ),
                callers=MERCHANTS, responses={201: StaticCodeView},
                idempotency=Idempotency.OPTIONAL, handler=self.issue,
                problems=("not-found", "qr-settings-missing", "signing-unavailable"),
            ),
            Operation(
                name="listStaticCodes", method="GET", path="/v1/static-codes",
                summary="List static codes, newest first, revoked ones included",
                description="A merchant sees its own; auditors may name one.",
                callers=READERS, responses={200: Page[StaticCodeView]},
                problems=("not-found", "not-caught-up"), handler=self.list,
            ),
            Operation(
                name="getStaticCode", method="GET", path=one,
                summary="Get one static code, read from the log: always current",
                callers=READERS, responses={200: StaticCodeView}, problems=("not-found",),
                handler=self.get,
            ),
            Operation(
                name="revokeStaticCode", method="DELETE", path=one,
                summary="Revoke a static code: it opens no session any more",
                description=(
                    "Sessions that are open can still be paid. A revoked code stays as it is."
                ),
                callers=MERCHANTS, responses={200: StaticCodeView}, problems=("not-found",),
                handler=self.revoke,
            ),
        ]  # fmt: skip

    async def issue(self, call: Call, body: StaticCodeBody) -> HttpResponse:
        """Make a code."""
        if len(set(body.formats)) != len(body.formats):
            raise InvalidRequest.of("formats", "names one twice")
        command = IssueStaticCode(
            code_id=self._services.new_id(),
            merchant_id=call.identity.stream_id,
            terms=Terms.of(
                body.currency,
                amount=_money(body.amount, "amount"),
                minimum=_money(body.min, "min"),
                maximum=_money(body.max, "max"),
            ),
            label=body.label,
            formats=tuple(Format(name) for name in body.formats),
            public_url=self._services.config.public_url,
            key=self._services.code_keys.current(),
        )
        outcome = await call.send(command)
        view = self._view(outcome.subject, outcome.position)
        location = f"{self._services.config.public_url}/v1/static-codes/{view.id}"
        return command_response(outcome, view, status=201, location=location)

    async def get(self, call: Call, id: StaticCodePathId) -> HttpResponse:
        """One code."""
        current = await readable_static_code(call, id)
        return json_response(self._view(current.state, current.position))

    async def revoke(self, call: Call, id: StaticCodePathId) -> HttpResponse:
        """Revoke a code."""
        command = RevokeStaticCode(code_id=id, merchant_id=call.identity.holder)
        outcome = await call.send(command)
        return command_response(outcome, self._view(outcome.subject, outcome.position))

    async def list(self, call: Call, query: StaticCodesQuery) -> HttpResponse:
        """A page of codes."""
        merchant_id = none_if_unset(query.merchant)
        if call.identity.role is CallerRole.MERCHANT:
            if merchant_id not in {None, call.identity.holder}:
                raise NotFound(thing="merchant")
            merchant_id = call.identity.holder
        await caught_up(call, StaticCodes, none_if_unset(query.at_least))
        rows = await blocking.read(
            self._services.read_models[StaticCodes].newest,
            merchant_id=merchant_id,
            before=read_cursor(self._services.tokens, none_if_unset(query.cursor)),
            limit=query.limit + 1,
        )

        def view(row: StaticCodeRow) -> StaticCodeView:
            return self._view(row, row.position)

        page = page_of(call, rows, query.limit, view, lambda row: row.created_position)
        return json_response(page)

    def _view(self, code: ShownCode, position: int) -> StaticCodeView:
        config = self._services.config
        return static_code_view(code, position, config.public_url, livemode=config.livemode)


def _money(body: MoneyBody | None, name: str) -> Money | None:
    return body.to_money(name) if body else None
