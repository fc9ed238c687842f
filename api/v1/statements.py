"""Statements: what a merchant's payable was, day by day, and what changed it."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType, field

from api import blocking
from api.context import Services
from api.http.fields import KnownCurrencyCode, Limit, MerchantId, Position
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, none_if_unset
from api.tokens import Tokens
from api.v1.accounts import READERS, merchant_of
from api.v1.lists import caught_up, caught_up_with_log, sign_cursor, verify_cursor
from api.v1.responses import json_response
from api.views.statements import (
    CurrencyStatement,
    Statement,
    StatementView,
    statement_csv,
    statement_view,
)
from application.event_log import EventLog
from application.positions import first_position_at
from domain.accounting import chart
from domain.days import DAYS_MAX, Period, read_period
from domain.errors import InvalidRequest
from domain.merchants.payout_terms import ZONE_CHARS_MAX
from domain.money.money import Amount, Money
from projections.journal import Journal

CSV_LINES_MAX: Final = 20_000
"""The most lines of a statement as CSV, which is not paged."""
CSV: Final = "text/csv; charset=utf-8; header=present"
_CURSOR = re.compile("([A-Z]{3})-([0-9]{1,19})-([0-9]{1,4})")
_DAY_MAX: Final = 10
DayText = Annotated[str, Meta(max_length=_DAY_MAX, extra_json_schema={"format": "date"})]
ZoneText = Annotated[str, Meta(min_length=1, max_length=ZONE_CHARS_MAX)]
Line = tuple[int, int]
"""Position and number of a posting."""


class StatementQuery(Query):
    """Whole days of an IANA zone; `to` is the first day after the period."""

    first: DayText = field(name="from")
    end: DayText = field(name="to")
    zone: ZoneText = "UTC"
    currency: KnownCurrencyCode | UnsetType = UNSET
    format: Literal["json", "csv"] = "json"
    merchant: MerchantId | UnsetType = UNSET
    limit: Limit = 100
    cursor: str | UnsetType = UNSET
    at_least: Position | UnsetType = UNSET


class StatementRoutes:
    """The operation on statements."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="getStatement", method="GET", path="/v1/statements",
                summary="Get a merchant's statement: opening balance, lines, closing balance",
                description=(
                    f"At most {DAYS_MAX} days, half open, in the zone (default UTC). `final` is "
                    "true once an event has been recorded after the period: the statement is then "
                    "the same whenever it is asked for. `format=csv` returns all lines, at most "
                    f"{CSV_LINES_MAX}; `limit` and `cursor` page through JSON only. Auditors and "
                    "operators name the `merchant`."
                ),
                callers=READERS, responses={200: StatementView}, download="text/csv",
                problems=("not-found", "not-caught-up"), handler=self.get,
            ),
        ]  # fmt: skip

    async def get(self, call: Call, query: StatementQuery) -> HttpResponse:
        """A statement."""
        merchant_id = await merchant_of(call, query.merchant)
        period = read_period(query.first, query.end, query.zone)
        after = self._read_cursor(query)
        starts, before, final = await blocking.read(_positions, self._services.log, period)
        await caught_up(call, Journal, none_if_unset(query.at_least))
        await caught_up_with_log(call, Journal, before - 1)
        limit = CSV_LINES_MAX if query.format == "csv" else query.limit
        currencies, more = await blocking.read(
            self._currencies,
            merchant_id,
            none_if_unset(query.currency),
            (starts, before),
            after,
            limit,
        )
        statement = Statement(merchant_id, period, final, before - 1, currencies)
        if query.format == "csv":
            if more:
                reason = (
                    f"the period has more than {CSV_LINES_MAX} lines: ask for fewer days, or JSON"
                )
                raise InvalidRequest.of("to", reason)
            return await blocking.read(_csv_response, statement)
        next_cursor = _write_cursor(self._services.tokens, currencies) if more else None
        livemode = self._services.config.livemode
        return json_response(statement_view(statement, next_cursor, livemode=livemode))

    def _currencies(
        self,
        merchant_id: str,
        currency: str | None,
        positions: tuple[int, int],
        after: tuple[str, Line] | None,
        limit: int,
    ) -> tuple[list[CurrencyStatement], bool]:
        """The balances in each currency, up to `limit` lines in all, and whether there are more."""
        journal, account = self._services.read_models[Journal], chart.PAYABLE.of(merchant_id)
        starts, before = positions
        openings = {a.currency: a for a in journal.balances(account, before=starts)}
        closings = {a.currency: a for a in journal.balances(account, before=before)}
        codes = [currency] if currency else sorted(closings)
        found, left, more = [], limit, False
        for code in codes:
            nothing = Amount(0, code, Money(0, code).exponent)
            begin = (starts, 0)
            if after is not None:
                begin = max(begin, after[1]) if code == after[0] else begin
            skip = more or (after is not None and code < after[0])
            lines = (
                []
                if skip or code not in closings
                else journal.lines(account, code, after=begin, before=before, limit=left + 1)
            )
            more = more or len(lines) > left
            lines = lines[:left]
            left -= len(lines)
            closing = closings.get(code, nothing)
            found.append(CurrencyStatement(openings.get(code, nothing), lines, closing))
        return found, more

    def _read_cursor(self, query: StatementQuery) -> tuple[str, Line] | None:
        if isinstance(query.cursor, UnsetType):
            return None
        found = _CURSOR.fullmatch(verify_cursor(self._services.tokens, query.cursor))
        if found is None or query.format == "csv":
            raise InvalidRequest.of("cursor", "is not a cursor of this list")
        return found.group(1), (int(found.group(2)), int(found.group(3)))


def _positions(log: EventLog, period: Period) -> tuple[int, int, bool]:
    """The positions of a period, half open, and whether no event can be added to it any more."""
    head = log.head()  # before the search: what is recorded meanwhile may be after the period
    ends = first_position_at(log, period.ends_at)
    before = head + 1 if ends is None else ends
    starts = first_position_at(log, period.starts_at)
    return (before if starts is None else min(starts, before)), before, ends is not None


def _write_cursor(tokens: Tokens, currencies: list[CurrencyStatement]) -> str:
    last = [currency.lines[-1] for currency in currencies if currency.lines][-1]
    return sign_cursor(tokens, f"{last.currency}-{last.position}-{last.no}")


def _csv_response(statement: Statement) -> HttpResponse:
    period = statement.period
    name = f"statement-{period.first}-{period.end}.csv"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(statement_csv(statement).encode(), media_type=CSV, headers=headers)
