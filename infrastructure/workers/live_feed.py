"""The log's feed for the listeners of one process: it rests while nobody listens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from application.consumer import PagedLog
from infrastructure.event_store.feed import Feed
from infrastructure.event_store.notifications import Notifications
from infrastructure.workers.following import Delivery, following
from infrastructure.workers.supervisor import Supervisor


class LiveFeed:
    """Hands the events of the log on, each delivery in a thread of its own."""

    def __init__(
        self,
        log: PagedLog,
        url: str,
        *deliveries: Delivery,
        wanted: Callable[[], bool],
        on_unknown: Callable[[str], None],
    ) -> None:
        """Nothing is read before `start`, and nothing while `wanted` is false.

        Args:
            log: reads the pages.
            url: the database, to listen for its notifications.
            deliveries: who gets which events.
            wanted: whether anybody listens.
            on_unknown: called with the topic of each event that this program does not know.
        """
        topics = frozenset[str]().union(*(delivery.topics for delivery in deliveries))
        self._feed = Feed(
            log, Notifications(url), topics=topics, wanted=wanted, on_unknown=on_unknown
        )
        self._deliveries = deliveries
        self._supervisor = Supervisor()

    def start(self) -> None:
        """Follow the log, in threads."""
        for delivery in self._deliveries:
            self._supervisor.start(delivery.name, following(delivery, self._feed))

    def resume(self) -> int:
        """See `Feed.resume`."""
        return self._feed.resume()

    @property
    def loops(self) -> dict[str, bool]:
        """Every loop by name, true for a halted one."""
        return {name: halt is not None for name, halt in self._supervisor.loops.items()}

    def halted(self) -> Sequence[str]:
        """The names of the halted loops."""
        return self._supervisor.halted

    def stop(self) -> None:
        """Make the loops return soon; does not wait."""
        self._feed.stop()

    def close(self) -> None:
        """Wait for the loops, at most 10 s each, and stop listening to the database."""
        self._feed.stop()
        self._supervisor.stop()
        self._feed.close()
