"""The loop of a consumer: what it takes in, and when its position is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from application.consumer import Consumer, Page
from application.event_log import Recorded
from domain.sessions.payment_session import PaymentSession
from infrastructure.workers import following as following_module
from infrastructure.workers import supervisor as supervisor_module
from infrastructure.workers.following import Delivery, following
from infrastructure.workers.supervisor import Supervisor
from tests.faults.test_database_away import wait_for
from tests.support.feeds import EVERY_TOPIC, Collector, FakeSignal, memory_feed
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

SESSIONS = frozenset({PaymentSession.Created.TOPIC})
LONG_SECONDS = 3600.0


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def ledger(log: MemoryLog) -> LedgerFixture:
    return LedgerFixture(log)


@pytest.fixture(autouse=True)
def fast_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Halted loops restart almost at once."""
    monkeypatch.setattr(supervisor_module, "HALT_SECONDS_MIN", 0.05)


@contextmanager
def running(log: MemoryLog, *consumers: Consumer) -> Iterator[Supervisor]:
    signal = FakeSignal()
    signal.notifies = False
    feed, supervisor = memory_feed(log, signal=signal), Supervisor()
    for consumer in consumers:
        supervisor.start(consumer.name, following(consumer, feed))
    try:
        yield supervisor
    finally:
        feed.stop()
        supervisor.stop()


def test_pages_without_followed_events_are_stored_together_with_the_next_event(
    log: MemoryLog, ledger: LedgerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "STORE_SECONDS", LONG_SECONDS)
    busy, idle = Collector(name="busy"), Collector(name="idle", topics=SESSIONS)

    with running(log, busy, idle):
        wait_for(lambda: idle.position == log.head())  # at once after a rest
        stored = idle.position
        for _ in range(3):
            ledger.open_wallet()
            wait_for(lambda: busy.position == log.head())
        unchanged = idle.position
        ledger.create_session()
        wait_for(lambda: idle.position == log.head())

    assert unchanged == stored
    [last] = [page for page in idle.pages if page.events]
    assert (last.after, last.last) == (stored, log.head())
    assert len(idle.pages) == 2


def test_the_position_is_stored_when_the_log_goes_quiet(
    log: MemoryLog, ledger: LedgerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "STORE_SECONDS", 0.05)
    busy, idle = Collector(name="busy"), Collector(name="idle", topics=SESSIONS)

    with running(log, busy, idle):
        for _ in range(3):
            ledger.open_wallet()
            wait_for(lambda: busy.position == log.head())
        wait_for(lambda: idle.position == log.head())

    assert idle.positions == []


def test_a_consumer_whose_stored_position_was_lost_takes_the_events_in_again(
    log: MemoryLog, ledger: LedgerFixture
) -> None:
    class Forgetful(Collector):
        """Its server has crashed before its last commits were on disk."""

        calls = 0

        def apply(self, page: Page) -> int:
            self.calls += 1
            if self.calls == 3:
                self.pages.clear()
                self.position = 0
            return super().apply(page)

    consumer = Forgetful()

    with running(log, consumer):
        for _ in range(4):
            ledger.create_session()
            wait_for(lambda: consumer.position == log.head())

    assert consumer.positions == list(range(1, log.head() + 1))


def test_two_workers_at_the_same_time_take_every_event_in_once(
    log: MemoryLog, ledger: LedgerFixture
) -> None:
    shared = Collector()

    with running(log, shared), running(log, shared):
        for _ in range(5):
            ledger.create_session()
            wait_for(lambda: shared.position == log.head())

    assert shared.positions == list(range(1, log.head() + 1))


def test_what_could_not_be_delivered_is_delivered_again(
    log: MemoryLog, ledger: LedgerFixture
) -> None:
    delivered: list[int] = []
    failures = [ZeroDivisionError(), ZeroDivisionError()]

    def deliver(events: Sequence[Recorded]) -> None:
        if delivered and failures:
            raise failures.pop()
        delivered.extend(recorded.position for recorded in events)

    delivery = Delivery("delivery", EVERY_TOPIC, deliver)

    with running(log, delivery) as supervisor:
        wait_for(lambda: len(delivered) == log.head())
        for _ in range(3):
            ledger.create_session()
        wait_for(lambda: len(delivered) == log.head())
        wait_for(lambda: not supervisor.halted)

    assert failures == []
    assert delivered == list(range(1, log.head() + 1))
