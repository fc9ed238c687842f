"""The books read from the log: the entries of a range of positions, and the accounts they need.

Entries are derived by the rules of `domain.accounting` from the events themselves, page by page, so
this depends on no read model and holds one page at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.consumer import PagedLog
from application.event_log import PAGE_EVENTS_MAX, Recorded
from domain import ids
from domain.accounting import chart
from domain.accounting.posting import Posting
from domain.accounting.rules import RULES, postings
from domain.merchants.merchant import Merchant
from domain.wallets.wallet import Wallet


class Opening(NamedTuple):
    """An account that may have postings from now on."""

    account: str
    at: datetime


class Entry(NamedTuple):
    """A journal entry and the event that posts it."""

    position: int
    event_id: UUID
    recorded_at: datetime
    type: str
    """The topic of the event."""
    stream_id: UUID
    postings: tuple[Posting, ...]

    @property
    def subject(self) -> str:
        """The public id of the event's stream."""
        return ids.subject(self.type, self.stream_id)


OPENERS: Final = {
    Wallet.Opened.TOPIC: chart.Owner.WALLET,
    Merchant.Registered.TOPIC: chart.Owner.MERCHANT,
}
"""The events with which the owners of accounts come into being."""
_PREFIX: Final = {chart.Owner.WALLET: "wal", chart.Owner.MERCHANT: "mer"}
_POSTING_TOPICS: Final = frozenset(event.TOPIC for event in RULES)
_TOPICS: Final = _POSTING_TOPICS | OPENERS.keys()


def read_books(
    log: PagedLog, first: int, end: int, *, on_page: Callable[[int], Any] = lambda _position: None
) -> Iterator[Opening | Entry]:
    """The accounts of everybody registered before `end`, and the entries from `first` to `end`.

    An account's opening comes before its first entry; accounts of the house and of processors have
    none.

    Args:
        log: the log.
        first: the first position with an entry.
        end: the position after the last one; at most the log's head + 1.
        on_page: called with the last position of each page.

    Raises (checked in this order):
        LogUnavailable: nothing could be read.
        LogCorrupt: a position is missing.
        UnbalancedEntry: a rule is wrong.
    """
    position = 0
    while position < end - 1:
        topics = _TOPICS if position + PAGE_EVENTS_MAX >= first else OPENERS.keys()
        page = log.page(position, min(PAGE_EVENTS_MAX, end - 1 - position), topics)
        if page.last == position:
            return
        for recorded in page.events:
            owner = OPENERS.get(recorded.topic)
            if owner is not None:
                yield from _openings(owner, recorded)
            elif recorded.position >= first:
                lines = postings(recorded.event)
                if lines:
                    yield Entry(
                        recorded.position, recorded.event_id, recorded.recorded_at, recorded.topic,
                        recorded.stream_id, lines,
                    )  # fmt: skip
        position = page.last
        on_page(position)


def _openings(owner: chart.Owner, recorded: Recorded) -> Iterator[Opening]:
    owner_id = ids.encode(_PREFIX[owner], recorded.stream_id)
    for kind in chart.CHART:
        if kind.owner is owner:
            yield Opening(kind.of(owner_id), recorded.recorded_at)
