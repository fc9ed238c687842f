"""How responses present a merchant's statement: as JSON page by page, and whole as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from msgspec import Struct

from api.http.fields import MerchantId, Time
from api.views.books import entry_id
from api.views.money import MoneyView, amount_view
from application.csv_text import Number, csv_text
from domain import ids, times
from domain.days import Period
from domain.money.decimals import decimal_text
from domain.money.money import Amount
from projections.journal import JournalRow


class StatementLineView(Struct, frozen=True, kw_only=True):
    """One posting to the merchant's payable."""

    entry_id: str
    position: int
    recorded_at: Time
    type: str
    subject: str
    amount: MoneyView
    """What it adds to the balance; below zero for a debit."""
    balance: MoneyView


class CurrencyStatementView(Struct, frozen=True, kw_only=True):
    """The statement in one currency: the balances of the whole period, the lines of this page."""

    currency: str
    opening_balance: MoneyView
    lines: list[StatementLineView]
    closing_balance: MoneyView


class StatementView(Struct, frozen=True, kw_only=True, rename={"first": "from", "end": "to"}):
    """A merchant's statement, and a page of its lines, by currency and position."""

    object: Literal["statement"] = "statement"
    livemode: bool
    merchant_id: MerchantId
    first: str
    end: str
    """The first day after the period."""
    zone: str
    starts_at: Time
    ends_at: Time
    final: bool
    """Whether nothing can be added any more, because the log goes on after the period."""
    position: int
    """The last position of the log that it includes."""
    data: list[CurrencyStatementView]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class CurrencyStatement:
    """The lines of a currency and the balances of its period."""

    opening: Amount
    lines: Sequence[JournalRow]
    closing: Amount


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, or a page of it."""

    merchant_id: str
    period: Period
    final: bool
    position: int
    currencies: Sequence[CurrencyStatement]


COLUMNS: Final = (
    "kind", "currency", "at", "entry_id", "type", "subject", "amount", "balance",
)  # fmt: skip
OPENING: Final = "opening_balance"
LINE: Final = "line"
CLOSING: Final = "closing_balance"
PRESENT: Final = "balance_so_far"
"""In the place of the closing balance while the period may still get lines."""


def statement_view(
    statement: Statement, next_cursor: str | None, *, livemode: bool
) -> StatementView:
    """A page of the statement."""
    period = statement.period
    return StatementView(
        livemode=livemode,
        merchant_id=statement.merchant_id,
        first=period.first.isoformat(),
        end=period.end.isoformat(),
        zone=period.zone,
        starts_at=times.to_text(period.starts_at),
        ends_at=times.to_text(period.ends_at),
        final=statement.final,
        position=statement.position,
        data=[_currency_view(currency) for currency in statement.currencies],
        next_cursor=next_cursor,
    )


def statement_csv(statement: Statement) -> str:
    """The whole statement: for each currency its opening balance, lines and closing balance."""
    return csv_text(_rows(statement))


def _rows(statement: Statement) -> Iterator[Sequence[str]]:
    period = statement.period
    starts, ends = times.to_text(period.starts_at), times.to_text(period.ends_at)
    yield COLUMNS
    for currency in statement.currencies:
        code = currency.opening.currency
        yield OPENING, code, starts, "", "", "", "", Number(decimal_text(currency.opening))
        for row in currency.lines:
            amounts = [Number(decimal_text(amount)) for amount in (_change(row), row.balance)]
            at = times.to_text(row.recorded_at)
            yield LINE, code, at, entry_id(row), row.type, _subject(row), *amounts
        kind = CLOSING if statement.final else PRESENT
        yield kind, code, ends, "", "", "", "", Number(decimal_text(currency.closing))


def _currency_view(statement: CurrencyStatement) -> CurrencyStatementView:
    return CurrencyStatementView(
        currency=statement.opening.currency,
        opening_balance=amount_view(statement.opening),
        lines=[
            StatementLineView(
                entry_id=entry_id(row),
                position=row.position,
                recorded_at=times.to_text(row.recorded_at),
                type=row.type,
                subject=_subject(row),
                amount=amount_view(_change(row)),
                balance=amount_view(row.balance),
            )
            for row in statement.lines
        ],
        closing_balance=amount_view(statement.closing),
    )


def _change(row: JournalRow) -> Amount:
    return Amount(row.change_minor, row.currency, row.exponent)


def _subject(row: JournalRow) -> str:
    return ids.subject(row.type, row.stream_id)
