"""The feed: one window for all consumers, a position for each, and rest while nobody listens."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from application.consumer import LogCorrupt, Page
from domain.sessions.payment_session import PaymentSession
from infrastructure.event_store import feed as feed_module
from infrastructure.event_store.feed import Feed
from infrastructure.event_store.pace import Pace
from tests.support.feeds import EVERY_TOPIC, Collector, FakeSignal, memory_feed
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

SESSIONS = frozenset({PaymentSession.Created.TOPIC})
BLOCKED_SECONDS = 0.2
"""How long a thread that must wait for the feed gets to show that it does not."""
WALLETS = frozenset({"wallet.opened"})


class CountingLog(MemoryLog):
    """Counts the pages that are read, and calls a hook before each head."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[tuple[int, frozenset[str]]] = []
        self.before_head: Callable[[], object] = lambda: None

    def page(self, after: int, limit: int, topics: Any) -> Page:
        self.pages.append((after, frozenset(topics)))
        return super().page(after, limit, topics)

    def head(self) -> int:
        self.before_head()
        return super().head()


@pytest.fixture
def log() -> CountingLog:
    return CountingLog()


@pytest.fixture
def ledger(log: CountingLog) -> LedgerFixture:
    return LedgerFixture(log)


def positions(page: Page) -> list[int]:
    return [recorded.position for recorded in page.events]


def drain(feed: Feed, collector: Collector) -> None:
    """Give the collector every event that there is, as its loop does."""
    while (page := feed.next(collector.position, collector.topics, 0)).last > page.after:
        collector.apply(page)


def test_the_log_is_read_once_for_all_consumers(log: CountingLog, ledger: LedgerFixture) -> None:
    feed = memory_feed(log, topics=SESSIONS | WALLETS)
    one, two = (Collector(topics=t, after=log.head()) for t in (SESSIONS, WALLETS))
    feed.resume()
    ledger.create_session()
    ledger.open_wallet()
    log.pages.clear()

    page = feed.next(one.position, SESSIONS, 0)
    other = feed.next(two.position, WALLETS, 0)

    assert log.pages == [(one.position, SESSIONS | WALLETS)]
    assert {recorded.topic for recorded in page.events} == SESSIONS
    assert {recorded.topic for recorded in other.events} == WALLETS
    assert page.last == other.last == log.head()


def test_a_consumer_gets_the_part_of_the_window_after_its_own_position(
    log: CountingLog, ledger: LedgerFixture
) -> None:
    feed = memory_feed(log)
    start = feed.resume()
    for _ in range(3):
        ledger.create_session()
        feed.next(log.head() - 1, EVERY_TOPIC, 0)

    for after in range(start, log.head()):
        page = feed.next(after, EVERY_TOPIC, 0)

        assert (page.after, page.last) == (after, log.head())
        assert positions(page) == list(range(after + 1, log.head() + 1))


def test_a_consumer_behind_the_window_reads_its_own_topics_for_itself_until_it_has_caught_up(
    log: CountingLog, ledger: LedgerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "PAGE_EVENTS", 2)
    for _ in range(3):
        ledger.create_session()
    feed, slow = memory_feed(log), Collector(topics=SESSIONS)
    start = feed.resume()
    ledger.create_session()

    drain(feed, slow)

    own = [after for after, topics in log.pages if topics == SESSIONS]
    assert own == list(range(0, start, 2))
    assert slow.positions == [e.position for e in log.events if e.topic in SESSIONS]


def test_the_window_is_bounded_and_a_slow_consumer_misses_nothing(
    log: CountingLog, ledger: LedgerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "WINDOW_EVENTS_MAX", 4)
    feed = memory_feed(log)
    fast, slow = (Collector(after=feed.resume()) for _ in range(2))
    first = fast.position + 1
    for _ in range(20):
        ledger.create_session()
        drain(feed, fast)

    assert sum(page.last - page.after for page in feed._window) <= 4
    drain(feed, slow)

    assert fast.positions == slow.positions == list(range(first, log.head() + 1))


def test_a_consumer_ahead_of_the_feed_waits_until_the_feed_has_passed_it(
    log: CountingLog, ledger: LedgerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "PAGE_EVENTS", 1)
    feed = memory_feed(log)
    start = feed.resume()
    ledger.create_session()
    ahead = Collector(after=log.head())  # another worker was faster
    ledger.open_wallet()

    pages = [feed.next(ahead.position, EVERY_TOPIC, 0) for _ in range(log.head() - start)]

    assert pages[0] == Page(ahead.position, ahead.position, ())
    assert next(positions(page) for page in pages if page.events) == [ahead.position + 1]


def test_two_feeds_share_nothing(log: CountingLog, ledger: LedgerFixture) -> None:
    one, two = memory_feed(log, topics=SESSIONS), memory_feed(log, topics=WALLETS)
    start = one.resume()
    ledger.create_session()
    assert positions(one.next(start, SESSIONS, 0)) == [start + 2]
    ledger.open_wallet()

    later = two.resume()
    ledger.open_wallet()

    assert positions(two.next(later, WALLETS, 0)) == [later + 1]
    assert positions(one.next(start, SESSIONS, 0)) == [start + 2]
    assert one.next(start, SESSIONS, 0).last < log.head()


@pytest.mark.parametrize("topics", [EVERY_TOPIC, frozenset({"nobody.follows"})])
def test_a_gap_is_never_skipped(
    log: CountingLog, ledger: LedgerFixture, topics: frozenset[str]
) -> None:
    ledger.create_session()
    feed = memory_feed(log, topics=topics)
    start = feed.resume()
    ledger.create_session()
    ledger.create_session()
    del log.events[start]

    for _ in range(2):
        with pytest.raises(LogCorrupt):
            feed.next(start, topics, 0)
    with pytest.raises(LogCorrupt):
        feed.next(start - 1, topics, 0)


def test_a_feed_that_only_polls_finds_every_event(log: CountingLog, ledger: LedgerFixture) -> None:
    signal = FakeSignal()
    signal.notifies = False
    feed, collector = memory_feed(log, signal=signal), Collector()

    ledger.create_session()
    while collector.position < log.head():
        collector.apply(feed.next(collector.position, EVERY_TOPIC, 0))

    assert collector.positions == list(range(1, log.head() + 1))


def test_a_burst_is_read_page_after_page_without_a_wait(
    log: CountingLog, ledger: LedgerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "PAGE_EVENTS", 2)
    signal = FakeSignal()
    feed = memory_feed(log, signal=signal)
    collector = Collector(after=feed.resume())
    first = collector.position + 1
    for _ in range(10):
        ledger.create_session()

    while collector.position < log.head():
        collector.apply(feed.next(collector.position, EVERY_TOPIC, 0))

    assert collector.positions == list(range(first, log.head() + 1))
    assert signal.waits == 0


def test_a_failed_read_ends_one_call_only(log: CountingLog, ledger: LedgerFixture) -> None:
    feed = memory_feed(log)
    start = feed.resume()
    ledger.create_session()
    read, log.page = log.page, lambda *_: 1 / 0  # type: ignore[method-assign, assignment]

    with pytest.raises(ZeroDivisionError):
        feed.next(start, EVERY_TOPIC, 0)
    log.page = read  # type: ignore[method-assign]

    assert feed.next(start, EVERY_TOPIC, 0).last == log.head()


def test_unknown_topics_are_counted_although_nobody_follows_them(
    log: CountingLog, ledger: LedgerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    unknown: list[str] = []
    feed = memory_feed(log, topics=SESSIONS, on_unknown=unknown.append)
    start = feed.resume()
    ledger.create_session()
    log.events[start:] = [recorded._replace(topic="this:zen") for recorded in log.events[start:]]

    page = feed.next(start, SESSIONS, 0)
    feed.next(start, SESSIONS, 0)

    assert page == Page(start, log.head(), [])
    assert unknown == ["this:zen"] * (log.head() - start)
    assert caplog.text.count("this:zen") == 1


# Rest while nobody listens.


def resting_feed(log: CountingLog, listeners: list[str], **options: Any) -> Feed:
    return memory_feed(log, wanted=lambda: bool(listeners), **options)


def test_a_feed_that_nobody_wants_neither_polls_nor_listens(
    log: CountingLog, ledger: LedgerFixture
) -> None:
    listeners, signal = ["screen"], FakeSignal()
    feed = resting_feed(log, listeners, signal=signal)
    feed.resume()
    for _ in range(2):
        ledger.create_session()
        feed.next(log.head() - 1, EVERY_TOPIC, 0)
    assert signal.listens

    listeners.clear()
    feed.next(log.head(), EVERY_TOPIC, 0)
    log.pages.clear()
    waits = signal.waits
    ledger.create_session()
    page = feed.next(0, EVERY_TOPIC, 0)

    assert (page.events, log.pages, signal.waits) == ((), [], waits)
    assert not signal.listens


def test_what_is_recorded_after_a_listener_came_is_delivered(
    log: CountingLog, ledger: LedgerFixture
) -> None:
    """Register, resume, read the history: an event is in the history, or the feed delivers it."""
    listeners: list[str] = []
    feed = resting_feed(log, listeners)
    feed.next(0, EVERY_TOPIC, 0)
    ledger.create_session()

    listeners.append("screen")
    ledger.create_session()
    feed.resume()
    ledger.create_session()
    history = [recorded.position for recorded in log.events]
    ledger.create_session()
    delivered = positions(feed.next(0, EVERY_TOPIC, 0))

    assert set(history) | set(delivered) == set(range(1, log.head() + 1))
    assert min(delivered) > history[0]  # but the past is not delivered again


def test_a_listener_that_comes_while_the_feed_goes_to_rest_misses_nothing(
    log: CountingLog, ledger: LedgerFixture
) -> None:
    seen: list[int] = []
    listeners = ["first"]
    arrivals: list[Thread] = []

    def second_listener_comes() -> None:
        listeners.append("second")
        feed.resume()
        seen.extend(recorded.position for recorded in log.events)

    def wanted() -> bool:
        found = bool(listeners)
        if not found and not arrivals:  # the next one comes after this look, before the rest
            arrivals.append(Thread(target=second_listener_comes))
            arrivals[0].start()
            arrivals[0].join(BLOCKED_SECONDS)
        return found

    feed = memory_feed(log, wanted=wanted)
    feed.resume()
    ledger.create_session()
    position = feed.next(0, EVERY_TOPIC, 0).last
    ledger.create_session()
    listeners.clear()
    position = feed.next(position, EVERY_TOPIC, 0).last
    arrivals[0].join()
    ledger.create_session()
    seen += positions(feed.next(position, EVERY_TOPIC, 0))

    assert sorted(set(seen)) == list(range(1, log.head() + 1))


def test_listeners_may_leave_and_come_back(log: CountingLog, ledger: LedgerFixture) -> None:
    listeners: list[str] = []
    feed = resting_feed(log, listeners)
    position, missed = 0, []

    for _ in range(3):
        listeners.append("screen")
        feed.resume()
        history = len(log.events)
        ledger.create_session()
        page = feed.next(position, EVERY_TOPIC, 0)
        position = page.last
        missed += sorted(set(range(history + 1, log.head() + 1)) - set(positions(page)))
        listeners.clear()
        feed.next(position, EVERY_TOPIC, 0)
        ledger.create_session()  # nobody hears this
        assert feed.next(position, EVERY_TOPIC, 0).events == ()

    assert missed == []


def test_two_listeners_that_come_together_wait_for_the_same_head(
    log: CountingLog, ledger: LedgerFixture
) -> None:
    listeners = ["one", "two"]
    feed = resting_feed(log, listeners)
    heads: list[int] = []

    def second_comes() -> None:
        log.before_head = lambda: heads.append(0)
        thread.start()

    thread = Thread(target=feed.resume)
    log.before_head = second_comes
    first = feed.resume()
    thread.join()
    ledger.create_session()

    assert heads == []
    assert positions(feed.next(0, EVERY_TOPIC, 0))[0] == first + 1


# The pace.


def test_after_a_rest_pages_are_read_at_once_and_under_load_at_a_steady_pace() -> None:
    pace = Pace(0.1, burst=5)

    pauses = [pace.pause(100.0) for _ in range(7)]
    later = pace.pause(200.0)

    assert pauses == pytest.approx([0, 0, 0, 0, 0, 0.1, 0.2])
    assert later == 0


def test_without_an_interval_there_is_no_pause() -> None:
    pace = Pace(0.0, burst=5)

    assert {pace.pause(at) for at in (1.0, 1.0, 1.0, 2.0)} == {0.0}
