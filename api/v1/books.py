"""The books: balances, the journal, and what explains a balance."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from msgspec import UNSET, UnsetType, field

from api import blocking
from api.context import Services
from api.http.fields import KnownCurrencyCode, Limit, MerchantId, Position
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, none_if_unset
from api.tokens import Tokens
from api.v1.accounts import (
    AT,
    READERS,
    AccountText,
    PositionOrTime,
    at_response,
    bound_position,
    merchant_of,
    own_accounts,
    parse_bound,
    read_moment,
    read_range,
    readable_account,
)
from api.v1.lists import (
    Page,
    caught_up,
    caught_up_with_log,
    page_of,
    read_cursor,
    sign_cursor,
    verify_cursor,
)
from api.v1.responses import json_response
from api.views.books import (
    BalanceView,
    EntryView,
    ExplanationView,
    balance_view,
    entry_view,
    explained_entry_view,
)
from api.views.money import amount_view
from domain.errors import InvalidRequest
from domain.money.money import Amount, Money
from projections.balances import Balances
from projections.journal import Journal

_EXPLAIN_CURSOR: Final = re.compile("([0-9]{1,19})-([0-9]{1,19})")
RANGE: Final = "`from` (inclusive) and `to` (exclusive) are positions of the log or times."


class BalanceQuery(Query):
    """Whose balance. Merchants read their own."""

    merchant: MerchantId | UnsetType = UNSET
    at: PositionOrTime | UnsetType = UNSET
    at_least: Position | UnsetType = UNSET


class JournalQuery(Query):
    """A page of the journal."""

    account: AccountText | UnsetType = UNSET
    start: PositionOrTime | UnsetType = field(default=UNSET, name="from")
    end: PositionOrTime | UnsetType = field(default=UNSET, name="to")
    limit: Limit = 20
    cursor: str | UnsetType = UNSET
    at_least: Position | UnsetType = UNSET


class ExplainQuery(Query):
    """Which balance, and a page of what made it."""

    account: AccountText
    currency: KnownCurrencyCode
    at: PositionOrTime | UnsetType = UNSET
    limit: Limit = 20
    cursor: str | UnsetType = UNSET
    at_least: Position | UnsetType = UNSET


class BookRoutes:
    """The queries on the books."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._livemode = services.config.livemode

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="getBalance", method="GET", path="/v1/balance",
                summary="Get a merchant's balance in every currency",
                description=f"Auditors and operators name the `merchant`. {AT}",
                callers=READERS, responses={200: BalanceView},
                problems=("not-found", "not-caught-up"), handler=self.balance,
            ),
            Operation(
                name="listJournal", method="GET", path="/v1/journal",
                summary="List journal entries, oldest first",
                description=(
                    f"{RANGE} Merchants see the postings to their own accounts only. With "
                    "`account`: the entries that have a posting to it."
                ),
                callers=READERS, responses={200: Page[EntryView]},
                problems=("not-found", "not-caught-up"), handler=self.journal,
            ),
            Operation(
                name="explainBalance", method="GET", path="/v1/explain",
                summary="Get a balance and the entries that made it, newest first",
                description=(
                    "`at` is a position, whose event is included, or a time, at which what is "
                    "recorded is not; without it, the present. The next page stands at the same "
                    "position."
                ),
                callers=READERS, responses={200: ExplanationView},
                problems=("not-found", "not-caught-up"), handler=self.explain,
            ),
        ]  # fmt: skip

    async def balance(self, call: Call, query: BalanceQuery) -> HttpResponse:
        """A merchant's balance."""
        merchant_id = await merchant_of(call, query.merchant)
        accounts = own_accounts(merchant_id)
        if not isinstance(query.at, UnsetType):
            moment = await read_moment(call, query.at)
            await caught_up_with_log(call, Journal, moment.position)
            then = await blocking.read(self._balances_before, accounts, moment.position + 1)
            view = balance_view(merchant_id, then, moment.position, livemode=self._livemode)
            return at_response(view, moment)
        await caught_up(call, Balances, none_if_unset(query.at_least))
        balances = self._services.read_models[Balances]
        rows, position = await blocking.read(balances.of_accounts, accounts)
        now = [(row.account, row.balance) for row in rows]
        return json_response(balance_view(merchant_id, now, position, livemode=self._livemode))

    def _balances_before(self, accounts: list[str], before: int) -> list[tuple[str, Amount]]:
        journal = self._services.read_models[Journal]
        return [
            (account, amount)
            for account in accounts
            for amount in journal.balances(account, before=before)
        ]

    async def journal(self, call: Call, query: JournalQuery) -> HttpResponse:
        """A page of the journal."""
        own = None
        if call.identity.role is CallerRole.MERCHANT:
            own = own_accounts(call.identity.holder)
        accounts = own
        if not isinstance(query.account, UnsetType):
            await readable_account(call, query.account)
            accounts = [query.account]
        start, end = await read_range(call, query.start, query.end)
        continued = read_cursor(self._services.tokens, none_if_unset(query.cursor)) or 0
        await caught_up(call, Journal, none_if_unset(query.at_least))
        entries = await blocking.read(
            self._services.read_models[Journal].entries,
            accounts=accounts,
            only=own,
            after=max(start - 1, continued),
            before=end,
            limit=query.limit + 1,
        )
        view = partial(entry_view, livemode=self._livemode)
        page = page_of(call, entries, query.limit, view, lambda entry: entry.position)
        return json_response(page)

    async def explain(self, call: Call, query: ExplainQuery) -> HttpResponse:
        """A balance and a page of what made it."""
        await readable_account(call, query.account)
        await caught_up(call, Journal, none_if_unset(query.at_least))
        cursor = none_if_unset(query.cursor)
        if cursor is None:
            at = await self._explained_position(call, query)
            before = at + 1
        else:
            at, before = _read_explain_cursor(self._services.tokens, cursor)
        account, currency = query.account, query.currency
        journal = self._services.read_models[Journal]
        balance, entries = await blocking.read(
            lambda: (
                journal.balance(account, currency, before=at + 1),
                journal.history(account, currency, before=before, limit=query.limit + 1),
            )
        )
        more, entries = len(entries) > query.limit, entries[: query.limit]
        text = f"{at}-{entries[-1].position}" if more else ""
        empty = Amount(0, currency, Money(0, currency).exponent)
        view = ExplanationView(
            livemode=self._livemode,
            account=account,
            currency=currency,
            at=at,
            balance=amount_view(balance or empty),
            data=[explained_entry_view(entry, livemode=self._livemode) for entry in entries],
            next_cursor=sign_cursor(self._services.tokens, text) if more else None,
        )
        return json_response(view)

    async def _explained_position(self, call: Call, query: ExplainQuery) -> int:
        """The position whose balance is asked for, once the journal has reached it."""
        read_models = self._services.read_models
        if isinstance(query.at, UnsetType):
            return await blocking.read(read_models.position, Journal)
        bound = parse_bound("at", query.at)
        at = await bound_position(call, bound)
        if not isinstance(bound, int):
            at = min(at - 1, await blocking.read(self._services.log.head))
        await caught_up(call, Journal, at)
        return at


def _read_explain_cursor(tokens: Tokens, cursor: str) -> tuple[int, int]:
    """The position of the balance, and the position before which its entries continue."""
    found = _EXPLAIN_CURSOR.fullmatch(verify_cursor(tokens, cursor))
    if found is None:
        raise InvalidRequest.of("cursor", "is not a cursor of this list")
    return int(found.group(1)), int(found.group(2))
