"""The feed: reads the log once for all consumers of a process.

The consumers share one window of recent pages, and each has a position of its own. Whoever has
taken in the whole window reads the next page for all, while the others wait for it. A consumer
that is behind the window reads for itself until it has caught up. So no consumer waits for another
one, and one that fails stops only itself.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection
from itertools import takewhile
from threading import Condition, Event, Lock
from time import monotonic
from typing import Final, Protocol

from application.consumer import Page, PagedLog, ReadPage
from infrastructure.event_store.pace import Pace

PAGE_EVENTS: Final = 500
WINDOW_EVENTS_MAX: Final = 2000
"""How many positions the window covers; also the most that a consumer takes in at once."""
POLL_SECONDS: Final = 0.5
PACE_BURST: Final = 5
UNKNOWN_MAX: Final = 100
"""How many unknown topics are logged, once each."""

_log = logging.getLogger(__name__)


class Signal(Protocol):
    """Says when there may be new events."""

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; returns whether there may be new events."""
        ...

    def close(self) -> None:
        """Release its connection until the next wait."""
        ...


class Feed:
    """The log from its head on, for consumers in several threads."""

    def __init__(
        self,
        log: PagedLog,
        signal: Signal,
        *,
        topics: Collection[str],
        pace_seconds: float = 0.0,
        wanted: Callable[[], bool] | None = None,
        on_unknown: Callable[[str], None] = lambda _topic: None,
    ) -> None:
        """Nothing is read before the first `next`.

        Args:
            log: reads the pages.
            signal: shortens the wait between two polls.
            topics: what any of the consumers follows; no other events are fetched.
            pace_seconds: the average time between two pages of a busy log, so that pages grow; a
                few pages after a rest are read at once.
            wanted: whether anybody needs the events. Whenever it is false the feed rests: it
                neither polls nor listens, and `resume` continues from the log's head.
            on_unknown: called with the topic of each event that this program does not know.
        """
        self._log = log
        self._signal = signal
        self._topics = frozenset(topics)
        self._pace = Pace(pace_seconds, PACE_BURST)
        self._wanted = wanted
        self._on_unknown = on_unknown
        self._unknown: set[str] = set()
        self._stopped = Event()
        self._opening = Lock()
        self._changed = Condition()
        self._position: int | None = None
        """The end of the window; None while nothing is read."""
        self._first = 0
        """Where the feed was resumed last."""
        self._window: deque[Page] = deque()
        self._reading = False
        self._poll_at = 0.0
        self._more = True
        """Whether the last page was full, so that the next one can be read at once."""

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Make every `next` return within about half a second."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Close the connection that listens; call this when no thread uses the feed any more."""
        self._signal.close()

    def reader(self, topics: Collection[str]) -> ReadPage:
        """Reads pages of some topics directly from the log, anywhere in it."""
        return lambda after, limit: self._log.page(after, limit, topics)

    def resume(self) -> int:
        """Follow the log, from its head on if the feed rested; returns the position.

        Whoever is wanted from now on and reads the log after this misses no event: what is not in
        the log by then is behind the head that was read here, or by another caller before.

        Raises:
            LogUnavailable: the head could not be read.
        """
        with self._opening:
            with self._changed:
                if self._position is not None:
                    return self._position
            head = self._log.head()
            with self._changed:
                self._position = head
                if self._wanted is not None:
                    self._first = head
                self._changed.notify_all()
            return head

    def next(self, after: int, topics: Collection[str], seconds: float) -> Page:
        """The events of some topics after a position; waits at most about `seconds` for them.

        The page is empty if there is nothing new. It begins later than `after` if the feed has
        rested in between.

        Raises:
            LogCorrupt: a position is missing.
            LogUnavailable: nothing could be read.
            psycopg.Error: any failure that is not transient.
        """
        until = monotonic() + seconds
        has_read = False
        while True:
            with self._changed:
                after = max(after, self._first)
                if self._is_behind(after):
                    break
                if self._position is not None and after < self._position:
                    return self._from_window(after, self._position, topics)
                rests = self._rests()
                over = monotonic() >= until and (has_read or self._reading or rests)
                if over or self._stopped.is_set():
                    return Page(after, after, ())
                if self._reading or rests:
                    self._changed.wait(max(0.0, until - monotonic()))
                    continue
                self._reading = True
            try:
                self._read(until)
            finally:
                has_read = True
                with self._changed:
                    self._reading = False
                    self._changed.notify_all()
        return self._log.page(after, PAGE_EVENTS, topics)

    def _is_behind(self, after: int) -> bool:
        start = self._window[0].after if self._window else self._position
        return start is not None and after < start

    def _from_window(self, after: int, last: int, topics: Collection[str]) -> Page:
        newest_first = takewhile(lambda page: page.last > after, reversed(self._window))
        pages = reversed(list(newest_first))
        events = [recorded for page in pages for recorded in page.since(after).of(topics)]
        return Page(after, last, events)

    def _rests(self) -> bool:
        """Whether nobody needs events; if so, forget the position and stop listening.

        Called with the lock held: whoever is wanted after this finds no position in `resume`.
        """
        if self._wanted is None or self._wanted():
            return False
        if self._position is not None and not self._reading:
            self._position = None
            self._window.clear()
            self._signal.close()
        return True

    def _read(self, until: float) -> None:
        """Wait for new events, at most until a time, and add the next page to the window."""
        position = self.resume()
        if not self._more:
            notified = self._signal.wait(max(0.0, min(until, self._poll_at) - monotonic()))
            if not notified and monotonic() < self._poll_at:
                return
        if self._stopped.wait(self._pace.pause(monotonic())):
            return
        page = self._log.page(position, PAGE_EVENTS, self._topics)
        self._poll_at = monotonic() + POLL_SECONDS
        self._more = page.last - page.after == PAGE_EVENTS
        self._report_unknown(page)
        with self._changed:
            self._position = page.last
            if page.last > page.after:
                self._window.append(page)
                while page.last - self._window[0].after > WINDOW_EVENTS_MAX:
                    self._window.popleft()

    def _report_unknown(self, page: Page) -> None:
        for topic in page.unknown:
            self._on_unknown(topic)
            if topic not in self._unknown and len(self._unknown) < UNKNOWN_MAX:
                self._unknown.add(topic)
                _log.warning("skipping events of unknown topic %.80r", topic)
