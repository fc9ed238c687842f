"""The loop of one consumer of the log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from time import monotonic
from typing import Final

from application.consumer import Consumer, Page, ReadPage
from application.event_log import Recorded
from infrastructure.event_store.feed import Feed
from infrastructure.workers.supervisor import Loop, Progress

STORE_SECONDS: Final = 0.5
"""How often the position is stored at most while a consumer's own events do not occur."""
WAIT_SECONDS: Final = 5.0


def following(consumer: Consumer, feed: Feed) -> Loop:
    """A loop that prepares the consumer and gives it the events that it follows.

    A page without them only moves the position, which is stored at once after a rest, otherwise
    every half second: many consumers must not cost as many transactions per page.

    Args:
        consumer: an error of its own ends the loop, and the supervisor starts it again.
        feed: ends the loop when it is stopped.
    """
    topics = consumer.topics

    def loop(on_progress: Progress) -> None:
        stored = seen = consumer.prepare(feed.reader(topics))
        store_at = monotonic()
        seconds = 0.0
        while not feed.stopped:
            page = feed.next(seen, topics, seconds)
            seen = page.last
            if page.events or (seen > stored and monotonic() >= store_at):
                stored = seen = consumer.apply(Page(stored, seen, page.events))
                store_at = monotonic() + STORE_SECONDS
            on_progress()
            seconds = store_at - monotonic() if seen > stored else WAIT_SECONDS

    return loop


class Delivery:
    """A consumer that hands events on and stores nothing, such as the notifier.

    What could not be handed on is handed on again.
    """

    def __init__(
        self, name: str, topics: Collection[str], deliver: Callable[[Sequence[Recorded]], None]
    ) -> None:
        self.name = name
        self.topics = frozenset(topics)
        self._deliver = deliver
        self._position = 0

    def prepare(self, read: ReadPage) -> int:  # noqa: ARG002 - there is nothing to prepare
        """See `Consumer`. A feed that rests moves the position to its own start."""
        return self._position

    def apply(self, page: Page) -> int:
        """See `Consumer`."""
        self._deliver(page.events)
        self._position = page.last
        return page.last
