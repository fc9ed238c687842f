"""The formats of exports: what is written for a file's head, an account, a currency and an entry.

Amounts are debits above zero and credits below, as the three programs have them, and always with
all decimals of their currency.
"""

from __future__ import annotations

from typing import Final, Protocol

from application.book_entries import Entry
from application.csv_text import Number, csv_text
from domain import ids, times
from domain.accounting.chart import Kind, Side
from domain.accounting.posting import Posting
from domain.money.decimals import decimal_text
from domain.money.money import Amount
from infrastructure.exports.names import ROOTS, to_beancount, to_ledger

BEGINNING: Final = "1970-01-01"
"""The day from which accounts of the house, and currencies, are declared."""
TAGS: Final = ("position", "event_id", "recorded_at")
"""The metadata of an entry."""


class Format(Protocol):
    """Writes the parts of a file."""

    def head(self, description: str) -> str:
        """The beginning of the file."""
        ...

    def account(self, account: str, day: str) -> str:
        """The declaration of an account from a day on."""
        ...

    def currency(self, code: str, exponent: int) -> str:
        """The declaration of a currency and its decimals."""
        ...

    def entry(self, entry: Entry) -> str:
        """A journal entry."""
        ...


class Beancount:
    """Beancount 3: https://beancount.github.io/docs/beancount_language_syntax.html."""

    def head(self, description: str) -> str:
        """The title; every other option has its strict default."""
        return f'; {description}\noption "title" "qrledger"\n\n'

    def account(self, account: str, day: str) -> str:
        """`open`."""
        return f"{day} open {to_beancount(account)}\n"

    def currency(self, code: str, exponent: int) -> str:
        """`commodity`, with its precision."""
        return f"{BEGINNING} commodity {code}\n  precision: {exponent}\n"

    def entry(self, entry: Entry) -> str:
        """A transaction: the type of its event as payee, the subject as narration."""
        at = times.to_text(entry.recorded_at)
        lines = "".join(
            f"  {to_beancount(line.account)}  {_signed(line)} {line.currency}\n"
            for line in entry.postings
        )
        return (
            f'\n{at[:10]} * "{entry.type}" "{entry.subject}"\n  position: {entry.position}\n'
            f'  event_id: "{ids.encode("evt", entry.event_id)}"\n  recorded_at: "{at}"\n{lines}'
        )


class Ledger:
    """Ledger 3: https://ledger-cli.org/doc/ledger3.html; strict mode needs its tags declared."""

    def head(self, description: str) -> str:
        """The tags of entries."""
        return f"; {description}\n\n" + "".join(f"tag {tag}\n" for tag in TAGS) + "\n"

    def account(self, account: str, day: str) -> str:  # noqa: ARG002 - accounts have no day here
        """`account`."""
        return f"account {to_ledger(account)}\n"

    def currency(self, code: str, exponent: int) -> str:
        """`commodity`, with its format."""
        return f"commodity {code}\n    format {_one(exponent)} {code}\n"

    def entry(self, entry: Entry) -> str:
        """A cleared transaction."""
        at = times.to_text(entry.recorded_at)
        lines = "".join(
            f"    {to_ledger(line.account)}  {_signed(line)} {line.currency}\n"
            for line in entry.postings
        )
        return (
            f"\n{at[:10]} * {entry.type} {entry.subject}\n    ; position: {entry.position}\n"
            f"    ; event_id: {ids.encode('evt', entry.event_id)}\n    ; recorded_at: {at}\n{lines}"
        )


class Hledger(Ledger):
    """hledger 1.25 and later: https://hledger.org/hledger.html#journal."""

    _TYPES: Final = {
        "Assets": "A",
        "Liabilities": "L",
        "Income": "R",
        "Expenses": "X",
        "Equity": "E",
    }

    def head(self, description: str) -> str:
        """The types of the roots, from which accounts inherit theirs."""
        roots = dict.fromkeys(ROOTS[kind] for kind in Kind)
        types = [f"account {root.lower()}  ; type: {self._TYPES[root]}\n" for root in roots]
        return f"; {description}\n\ndecimal-mark .\n" + "".join(types) + "\n"

    def currency(self, code: str, exponent: int) -> str:
        """`commodity`: its sample must have a decimal mark, also without decimals."""
        mark = "" if exponent else "."
        return f"commodity {_one(exponent)}{mark} {code}\n"


class Csv:
    """One line for each posting."""

    COLUMNS: Final = (
        "position", "event_id", "recorded_at", "type", "subject", "account", "side", "amount",
        "currency",
    )  # fmt: skip

    def head(self, description: str) -> str:  # noqa: ARG002 - CSV has no comments
        """The names of the columns."""
        return csv_text([self.COLUMNS])

    def account(self, account: str, day: str) -> str:  # noqa: ARG002
        """Nothing."""
        return ""

    def currency(self, code: str, exponent: int) -> str:  # noqa: ARG002
        """Nothing: every amount has all decimals of its currency."""
        return ""

    def entry(self, entry: Entry) -> str:
        """The postings, with amounts above zero on either side."""
        shared = (
            str(entry.position), ids.encode("evt", entry.event_id),
            times.to_text(entry.recorded_at), entry.type, entry.subject,
        )  # fmt: skip
        return csv_text(
            (
                *shared,
                line.account,
                line.side.value,
                Number(decimal_text(line.amount)),
                line.currency,
            )
            for line in entry.postings
        )


FORMATS: Final[dict[str, type[Format]]] = {
    "beancount": Beancount,
    "ledger": Ledger,
    "hledger": Hledger,
    "csv": Csv,
}


def _signed(line: Posting) -> str:
    text = decimal_text(line.amount)
    return text if line.side is Side.DEBIT else f"-{text}"


def _one(exponent: int) -> str:
    """The amount 1, as a sample of a currency's decimals."""
    return decimal_text(Amount(10**exponent, "", exponent))
