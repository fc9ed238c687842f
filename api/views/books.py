"""How responses present the books: balances, journal entries and what explains a balance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from api.http.fields import EventId, Time
from api.views.money import MoneyView, amount_view
from domain import ids, times
from domain.accounting import chart
from domain.money.money import Amount
from projections.journal import JournalEntry, JournalRow

MERCHANT_ACCOUNTS: Final = (chart.PAYABLE, chart.RESERVED, chart.IN_TRANSIT)
"""The accounts of a merchant, in the order of the balance's fields."""


class CurrencyBalanceView(Struct, frozen=True):
    """A merchant's accounts in one currency."""

    currency: str
    payable: MoneyView
    reserved: MoneyView
    in_transit: MoneyView


class BalanceView(Struct, frozen=True, kw_only=True):
    """A merchant's balance in every currency that it has had, at a position of the log."""

    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    data: list[CurrencyBalanceView]
    position: int


class PostingView(Struct, frozen=True):
    """One line of a journal entry."""

    account: str
    side: Literal["debit", "credit"]
    amount: MoneyView


class EntryView(Struct, frozen=True, kw_only=True):
    """A journal entry, or those of its postings that the caller may see."""

    id: str
    """The event's position, a dot, and the number of the entry among those of its event."""
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    position: int
    recorded_at: Time
    type: str
    subject: str
    event_id: EventId
    postings: list[PostingView]


class ExplainedEntryView(EntryView, frozen=True, kw_only=True):
    """An entry with what it changed, and the balance after it."""

    change: MoneyView
    balance: MoneyView


class ExplanationView(Struct, frozen=True, kw_only=True):
    """A balance, and a page of the entries that made it, newest first."""

    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    account: str
    currency: str
    at: int
    """The position; the balance includes its event."""
    balance: MoneyView
    data: list[ExplainedEntryView]
    next_cursor: str | None


def balance_view(
    merchant_id: str, balances: Sequence[tuple[str, Amount]], position: int, *, livemode: bool
) -> BalanceView:
    """The balances of a merchant's accounts; an account without a posting has 0."""
    minor = {(amount.currency, account): amount.minor for account, amount in balances}
    exponents = {amount.currency: amount.exponent for _, amount in balances}
    data = [
        CurrencyBalanceView(
            currency,
            *(
                amount_view(
                    Amount(minor.get((currency, kind.of(merchant_id)), 0), currency, exponent)
                )
                for kind in MERCHANT_ACCOUNTS
            ),
        )
        for currency, exponent in sorted(exponents.items())
    ]
    return BalanceView(livemode=livemode, data=data, position=position)


def entry_view(entry: JournalEntry, *, livemode: bool) -> EntryView:
    """A journal entry."""
    return EntryView(livemode=livemode, **_entry_fields(entry))


def explained_entry_view(entry: JournalEntry, *, livemode: bool) -> ExplainedEntryView:
    """An entry's postings to one account in one currency, and the balance after them."""
    last = entry.rows[-1]
    change = sum(row.change_minor for row in entry.rows)
    return ExplainedEntryView(
        livemode=livemode,
        **_entry_fields(entry),
        change=amount_view(Amount(change, last.currency, last.exponent)),
        balance=amount_view(last.balance),
    )


def entry_id(row: JournalRow) -> str:
    """The public id of a posting's entry; so far every event posts one entry."""
    return f"{row.position}.1"


def _entry_fields(entry: JournalEntry) -> dict[str, Any]:
    first = entry.rows[0]
    return {
        "id": entry_id(first),
        "position": first.position,
        "recorded_at": times.to_text(first.recorded_at),
        "type": first.type,
        "subject": ids.subject(first.type, first.stream_id),
        "event_id": ids.encode("evt", first.event_id),
        "postings": [
            PostingView(row.account, row.side, amount_view(row.amount)) for row in entry.rows
        ],
    }
