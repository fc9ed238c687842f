"""Feeds of a log, and a consumer that keeps the positions of what it takes in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from threading import Event, Lock
from typing import Any

from application.consumer import Page, PagedLog, ReadPage
from infrastructure.event_store import registry
from infrastructure.event_store.feed import Feed
from infrastructure.event_store.notifications import Notifications
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.workers.following import following
from infrastructure.workers.supervisor import Supervisor

EVERY_TOPIC = frozenset(registry.EVENTS)


class Collector:
    """Follows some topics from a position on; `positions` are those of the events it has seen."""

    def __init__(
        self, *, name: str = "collector", topics: Collection[str] = EVERY_TOPIC, after: int = 0
    ) -> None:
        self.name = name
        self.topics = frozenset(topics)
        self.position = after
        self.pages: list[Page] = []
        self._lock = Lock()

    @property
    def positions(self) -> list[int]:
        return [recorded.position for page in self.pages for recorded in page.events]

    def prepare(self, read: ReadPage) -> int:
        return self.position

    def apply(self, page: Page) -> int:
        with self._lock:
            if page.after == self.position:
                self.pages.append(page)
                self.position = page.last
            return self.position


class FakeSignal:
    """Notifies at once, or never; counts the waits and knows whether it listens."""

    def __init__(self) -> None:
        self.waits = 0
        self.listens = False
        self.notifies = True
        self._never = Event()

    def wait(self, seconds: float) -> bool:
        self.waits += 1
        self.listens = True
        if not self.notifies:
            self._never.wait(seconds)
        return self.notifies

    def close(self) -> None:
        self.listens = False


def memory_feed(log: PagedLog, **options: Any) -> Feed:
    """A feed of a log in memory; it never waits."""
    return Feed(log, options.pop("signal", FakeSignal()), **{"topics": EVERY_TOPIC, **options})


@contextmanager
def followed(
    url: str, log: PostgresLog, *collectors: Collector, **options: Any
) -> Iterator[Supervisor]:
    """Run the collectors on one feed, as a worker does, within the context."""
    topics = frozenset[str]().union(*(collector.topics for collector in collectors))
    feed = Feed(log, Notifications(url), topics=topics, **options)
    supervisor = Supervisor()
    for collector in collectors:
        supervisor.start(collector.name, following(collector, feed))
    try:
        yield supervisor
    finally:
        feed.stop()
        supervisor.stop()
        feed.close()
