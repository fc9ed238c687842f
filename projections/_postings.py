"""The postings of a page of events, as the read models of the books take them in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from application.consumer import InvariantBroken
from application.event_log import Recorded
from domain.accounting import chart
from domain.accounting.posting import Posting, UnbalancedEntry
from domain.accounting.rules import RULES, postings

FOLLOWED = tuple(RULES)
"""The classes of the events that post an entry."""


class BooksViolated(InvariantBroken):
    """An entry is unbalanced, or an account that may not be negative would be."""


class Line(NamedTuple):
    """One posting of one event."""

    recorded: Recorded
    no: int
    """Its place in the entry, from 1."""
    posting: Posting
    change_minor: int
    """What it adds to the account's balance, on the account's normal side."""
    earned_minor: int
    """What it adds to the account's credits that only ever grow; see `earned`."""


def lines(events: Sequence[Recorded]) -> Iterator[Line]:
    """The postings of a page, in order.

    Raises:
        BooksViolated: an entry is unbalanced; names the position.
    """
    for recorded in events:
        try:
            entry = postings(recorded.event)
        except UnbalancedEntry as error:
            raise BooksViolated(str(error), position=recorded.position) from error
        for no, posting in enumerate(entry, 1):
            kind, _ = chart.parse(posting.account)
            sign = 1 if posting.side is kind.kind.normal_side else -1
            change_minor = sign * posting.minor
            earned_minor = change_minor if recorded.topic in kind.earns_by else 0
            yield Line(recorded, no, posting, change_minor, earned_minor)


def check_balance(line: Line, balance_minor: int) -> None:
    """Check an account's balance after a posting.

    Raises:
        BooksViolated: it is negative and may not be; names the position.
    """
    if balance_minor < 0:
        kind, _ = chart.parse(line.posting.account)
        if kind.never_negative:
            posting = line.posting
            text = f"{posting.account} is {balance_minor} {posting.currency}"
            raise BooksViolated(text, position=line.recorded.position)
