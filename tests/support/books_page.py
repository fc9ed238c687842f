"""The generated parts of `docs/explanation/books.md`: tables, the worked example, T-accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any, Final

from domain.accounting import chart
from domain.accounting.chart import Kind, Side
from domain.accounting.posting import Posting
from domain.accounting.rules import POSTS_NOTHING, RULES, postings
from domain.money.decimals import decimal_text
from domain.money.money import Amount, Money
from domain.payouts.payout import Payout
from domain.sessions.dispute_events import DisputeOpened
from domain.sessions.events import Paid
from domain.sessions.refund_events import RefundSucceeded
from domain.treasury.treasury import Treasury
from tests.support.golden import EVENTS
from tests.support.worked_example import OWNERS, balances, example

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "explanation"
BOOKS: Final = _FOLDER / "books.md"
PICTURES: Final = {code: _FOLDER / f"books-{code.lower()}.svg" for code in ("USD", "EUR")}
_BLOCK = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)
_LINE, _WIDTH, _COLUMNS = 20, 300, 3


def plain(minor: int, currency: str) -> str:
    """An amount as a decimal, such as `108.42`."""
    return decimal_text(Amount(minor, currency, Money(0, currency).exponent))


def named(account: str) -> str:
    """An account with a name in place of its owner's id."""
    for owner_id, name in OWNERS.items():
        account = account.replace(owner_id, name)
    return account


def chart_table() -> str:
    """The chart of accounts."""
    rows = (
        f"| `{one.name}` | {one.kind} | {one.kind.normal_side} | {one.purpose} "
        f"| {'yes' if one.never_negative else ''} |"
        for one in chart.CHART
    )
    head = "| account | kind | normal side | what it holds | never negative |\n| --- | --- | --- | --- | --- |\n"
    return head + "\n".join(rows) + "\n"


def posting_table() -> str:
    """What each event posts, by account type."""
    rows = []
    for topic, when, event in _variants():
        lines = postings(event)
        left, right = (_accounts(lines, side) for side in (Side.DEBIT, Side.CREDIT))
        rows.append(f"| `{topic}` | {when} | {left} | {right} |")
    head = "| event | when | debit | credit |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(rows) + "\n"


def silent_table() -> str:
    """The events that are declared to post nothing."""
    rows = [f"| `{kind.TOPIC}` | {reason} |" for kind, reason in POSTS_NOTHING.items()]
    return "| event | why it posts nothing |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def example_table() -> str:
    """The entries of the worked example."""
    rows = []
    for number, entry in enumerate(example(), 1):
        what = f"{entry.title} (`{entry.topic}`)"
        for line in entry.postings:
            amount = f"{plain(line.minor, line.currency)} {line.currency}"
            sides = (amount, "") if line.side is Side.DEBIT else ("", amount)
            rows.append(
                f"| {number} | {what} | `{named(line.account)}` | {sides[0]} | {sides[1]} |"
            )
            number, what = "", ""  # type: ignore[assignment] # noqa: PLW2901 - only on the first row
    head = "| no. | event | account | debit | credit |\n| --- | --- | --- | ---: | ---: |\n"
    return head + "\n".join(rows) + "\n"


def trial_balance() -> str:
    """The balances after the example, and the two sides of the equation."""
    rows = []
    for currency, accounts in balances(example()).items():
        totals = {True: 0, False: 0}
        for account, minor in sorted(accounts.items()):
            kind = chart.parse(account)[0].kind
            debit_kind = kind.normal_side is Side.DEBIT
            totals[debit_kind] += minor
            shown = plain(minor, currency)
            sides = (shown, "") if debit_kind else ("", shown)
            rows.append(f"| {currency} | `{named(account)}` | {kind} | {sides[0]} | {sides[1]} |")
        left, right = plain(totals[True], currency), plain(totals[False], currency)
        rows.append(f"| {currency} | **total** | | **{left}** | **{right}** |")
    head = (
        "| currency | account | kind | assets, clearing | liabilities, income, equity |\n"
        "| --- | --- | --- | ---: | ---: |\n"
    )
    return head + "\n".join(rows) + "\n"


_OWN: Final = {"payer_amount_minor": 12_345, "payer_currency": "USD", "spread_minor": 0}
_BY_PROCESSOR: Final = {"processor": "stripe", "wallet_id": None}
_REFUNDED_OWN: Final = {"payer_currency": "USD", "credited_minor": 100, "spread_returned_minor": 0}
VARIANTS: Final[dict[type[Any], tuple[tuple[str, dict[str, Any]], ...]]] = {
    Paid: (
        ("from a wallet in the session's currency", _OWN),
        ("from a wallet in another currency", {}),
        ("from a wallet's held money", {**_OWN, "source": "held"}),
        ("through a processor", {**_OWN, **_BY_PROCESSOR, "funding": "processor"}),
    ),
    RefundSucceeded: (
        ("to a wallet in the session's currency", _REFUNDED_OWN),
        ("to a wallet in another currency", {}),
        (
            "through a processor, set aside before",
            {**_REFUNDED_OWN, **_BY_PROCESSOR, "reserved": True},
        ),
    ),
    DisputeOpened: (
        ("of a payment", {"merchant_minor": 12_345}),
        ("of a payment that was partly returned", {}),
    ),
    Payout.Returned: (
        ("before it had settled", {"after_settlement": False}),
        ("after it had settled", {}),
    ),
    Treasury.Moved: (
        ("own funds in", {}),
        ("own funds out", {"incoming": False}),
        ("fees and spreads drawn", {"kind": "fees", "incoming": False}),
        ("a position closed: the currency bought", {"kind": "fx_settlement"}),
        ("a position closed: the currency sold", {"kind": "fx_settlement", "incoming": False}),
    ),
}
"""The cases of events whose rule distinguishes some."""

BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "chart": chart_table,
    "postings": posting_table,
    "silent": silent_table,
    "example": example_table,
    "balances": trial_balance,
}


def filled(page: str) -> str:
    """The page with every generated block made again."""
    return _BLOCK.sub(lambda m: f"{m[1]}{BLOCKS[m[2]]()}{m[3]}", page)


def picture(currency: str) -> str:
    """The T-accounts of the example in one currency, as SVG."""
    entries = example()
    accounts: dict[str, list[tuple[int, Posting]]] = {}
    for number, entry in enumerate(entries, 1):
        for line in entry.postings:
            if line.currency == currency:
                accounts.setdefault(line.account, []).append((number, line))
    tops = [0] * _COLUMNS
    drawn = []
    for index, (account, lines) in enumerate(accounts.items()):
        column = index % _COLUMNS
        minor = balances(entries)[currency][account]
        text, height = _t_account(account, lines, minor, column * _WIDTH + 20, tops[column] + 10)
        drawn.append(text)
        tops[column] += height
    width, height = _COLUMNS * _WIDTH + 20, max(tops) + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="ui-monospace, monospace" font-size="12">\n'
        f"<title>T-accounts of the worked example in {currency}</title>\n"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n' + "".join(drawn) + "</svg>\n"
    )


def _t_account(
    account: str, lines: list[tuple[int, Posting]], minor: int, left: int, top: int
) -> tuple[str, int]:
    """One T-account and its height."""
    right, middle = left + _WIDTH - 30, left + (_WIDTH - 30) // 2
    y = {Side.DEBIT: top + 44, Side.CREDIT: top + 44}
    title = escape(named(account))
    bold = 'font-weight="bold"'
    out = [f'<text x="{middle}" y="{top + 16}" text-anchor="middle" {bold}>{title}</text>\n']
    for number, line in lines:
        x = middle - 10 if line.side is Side.DEBIT else right - 10
        text = f"({number})  {plain(line.minor, line.currency)}"
        out.append(f'<text x="{x}" y="{y[line.side]}" text-anchor="end">{text}</text>\n')
        y[line.side] += _LINE
    bottom = max(y.values()) - 6
    kind: Kind = chart.parse(account)[0].kind
    side = kind.normal_side if minor >= 0 else _other(kind.normal_side)
    x = middle - 10 if side is Side.DEBIT else right - 10
    out.append(
        f'<path d="M{left} {top + 26}H{right}M{middle} {top + 26}V{bottom + 22}M{left} {bottom}'
        f'H{right}" stroke="#1f2937" fill="none"/>\n'
        f'<text x="{x}" y="{bottom + 16}" text-anchor="end" {bold}>'
        f"{plain(abs(minor), lines[0][1].currency)}</text>\n"
    )
    return "".join(out), bottom + 40 - top


def _other(side: Side) -> Side:
    return Side.CREDIT if side is Side.DEBIT else Side.DEBIT


def _accounts(lines: Iterable[Posting], side: Side) -> str:
    on_side = (line for line in lines if line.side is side)
    names = dict.fromkeys(f"`{chart.parse(line.account)[0].name}`" for line in on_side)
    return ", ".join(names)


def _variants() -> Iterable[tuple[str, str, Any]]:
    """Every event that posts, in its variants: golden events with some fields changed."""
    for kind in RULES:
        [event] = [one for one in EVENTS if type(one) is kind]
        for when, changes in VARIANTS.get(kind, (("", {}),)):
            yield kind.TOPIC, when, kind(**{**vars(event), **changes})
