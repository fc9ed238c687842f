"""Postings and journal entries: debits equal credits, in every currency of an entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from domain.accounting.chart import Side
from domain.money.money import Amount

_DEBIT: Final = Side.DEBIT
_CREDIT: Final = Side.CREDIT
"""Members of an enumeration are slow to look up before Python 3.12."""


class Posting(NamedTuple):
    """One line of a journal entry."""

    account: str
    side: Side
    minor: int
    """Above zero."""
    currency: str
    exponent: int

    @property
    def amount(self) -> Amount:
        """The amount, above zero."""
        return Amount(self.minor, self.currency, self.exponent)

    @property
    def signed_minor(self) -> int:
        """Positive for a debit, negative for a credit."""
        return self.minor if self.side is Side.DEBIT else -self.minor


class UnbalancedEntry(Exception):
    """An event would post an entry whose debits differ from its credits; a bug in the rules."""


def debit(account: str, amount: Amount) -> Posting:
    """A debit of an account."""
    return Posting(account, _DEBIT, *amount)


def credit(account: str, amount: Amount) -> Posting:
    """A credit of an account."""
    return Posting(account, _CREDIT, *amount)


def entry(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """A journal entry of these postings; zero postings are left out.

    Raises:
        UnbalancedEntry: debits differ from credits in some currency, or a posting is below zero.
    """
    lines = tuple([posting for posting in postings if posting[2]])
    difference: dict[str, int] = {}
    for account, side, minor, currency, _ in lines:
        if minor < 0:
            msg = f"a posting of {minor} {currency} to {account}"
            raise UnbalancedEntry(msg)
        signed = minor if side is _DEBIT else -minor
        difference[currency] = difference.get(currency, 0) + signed
    if any(difference.values()):
        msg = f"debits minus credits: {difference}"
        raise UnbalancedEntry(msg)
    return lines
