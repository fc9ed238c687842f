"""Consumers of the log: read models, processes and the notifier take it in page by page.

Each consumer has a position of its own, which it stores together with what the events of a page
change, so that every event counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from application.event_log import Recorded


class InvariantBroken(Exception):
    """An event contradicts an invariant; the consumer halts there."""

    def __init__(self, text: str, *, position: int) -> None:
        self.position = position
        """Of the event; shown to operators."""
        super().__init__(f"{text} at position {position}")


class LogCorrupt(Exception):
    """The log has a gap; no consumer may continue."""


class Page(NamedTuple):
    """A gapless range of the log, with the events that somebody follows."""

    after: int
    """The range begins after this position."""
    last: int
    """The last position of the range; `after` if the range is empty."""
    events: Sequence[Recorded]
    """The followed events of the range, in order; any others are left out."""
    unknown: Sequence[str] = ()
    """The topics of the range's events that this program does not know, one for each event."""

    def of(self, topics: Collection[str]) -> Sequence[Recorded]:
        """The events of these topics."""
        return [recorded for recorded in self.events if recorded.topic in topics]

    def since(self, position: int) -> Page:
        """The part of the page after a position within its range."""
        events = [recorded for recorded in self.events if recorded.position > position]
        return Page(position, self.last, events)


class PagedLog(Protocol):
    """The log as its consumers read it."""

    def page(self, after: int, limit: int, topics: Collection[str]) -> Page:
        """The next `limit` (1 to 1000) positions after a position, with the events of some topics.

        Raises (checked in this order):
            LogUnavailable: nothing could be read.
            LogCorrupt: a position is missing.
        """
        ...

    def head(self) -> int:
        """The last position, 0 if there is none."""
        ...


ReadPage = Callable[[int, int], Page]
"""The page after a position, of at most so many positions."""


class Consumer(Protocol):
    """Takes in the events of certain topics."""

    @property
    def name(self) -> str:
        """Names it in metrics, logs and `qrledger status`."""
        ...

    @property
    def topics(self) -> frozenset[str]:
        """The topics that it follows."""
        ...

    def prepare(self, read: ReadPage) -> int:
        """Get ready to follow, such as by building a table; returns the position to go on from."""
        ...

    def apply(self, page: Page) -> int:
        """Take in a page and its last position in one transaction; returns the own position.

        Changes nothing if the page does not begin right after the own position, because another
        runner was faster; go on from the returned position then.
        """
        ...
