"""An event costs a task only where somebody may be told, whoever follows the log, from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.commands.return_payout import ReturnPayout
from application.consumer import Page
from application.event_log import VERSION_MAX, Recorded
from application.processes._follower import ProcessFollower
from application.processes._webhook_recipients import Recipients
from application.processes.process import Task
from application.processes.webhooks import Webhooks
from domain import ids
from domain.merchants.payout_terms import PayoutTerms
from domain.merchants.webhook_endpoint import FOLLOWED, WebhookEndpoints
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_deliveries import MemoryDeliveries
from tests.support.memory_log import MemoryLog
from tests.support.memory_tasks import MemoryTasks
from tests.support.payout_steps import DESTINATION, request_payout, set_terms
from tests.support.webhook_fixture import (
    FakeSender,
    WebhookFixture,
    add_endpoint,
    make_webhooks,
)

NOTIFY = "https://shop.example/notify"
NAME = Webhooks.name


class CountingLog(MemoryLog):
    """A log that counts the reads of its followers' memory."""

    reads = 0

    def stream(
        self, stream_id: UUID, *, after: int = 0, up_to: int = VERSION_MAX
    ) -> Sequence[Recorded]:
        self.reads += 1
        return super().stream(stream_id, after=after, up_to=up_to)


class Story:
    """Two merchants; one adds an endpoint while sessions and a payout are under way."""

    def __init__(self, *, told: bool = True) -> None:
        self.log = CountingLog()
        self.ledger, self.other = LedgerFixture(self.log), LedgerFixture(self.log)
        self._steps = self._tell()
        while told and self.tell():
            pass

    def tell(self) -> bool:
        """The next step of the story; False after the last one."""
        return next(self._steps, False)

    def _tell(self) -> Iterator[bool]:
        set_terms(self.ledger, PayoutTerms(DESTINATION))
        for ledger in (self.ledger, self.other):
            _pay(ledger, ledger.create_session())
            yield True
        early, theirs = self.ledger.create_session(), self.other.create_session()
        yield True
        payout = request_payout(self.ledger, 200)
        yield True
        called = self.other.create_session(callback_url=NOTIFY)
        yield True
        add_endpoint(self.ledger)
        yield True
        self.ledger.send(self.ledger.cancel(self.ledger.create_session()))
        self.ledger.send(ReturnPayout(payout_id=payout, reason="account closed"))
        yield True
        for ledger, session in ((self.ledger, early), (self.other, theirs), (self.other, called)):
            _pay(ledger, session)
            yield True
        _pay(self.other, self.other.create_session())
        yield True

    def expected(self) -> list[str]:
        """The keys of the tasks, straight from the rule."""
        events = self.log.read(0, 1000)
        opened = [one for one in events if isinstance(one.event, WebhookEndpoints.Opened)]
        first: Any = opened[0].event
        since = {first.merchant_id: opened[0].position}
        firsts: Mapping[UUID, Any] = {one.stream_id: one.event for one in reversed(events)}
        return [
            ids.encode("evt", one.event_id)
            for one in events
            if type(one.event) in FOLLOWED
            and (
                getattr(firsts[one.stream_id], "callback_url", None)
                or one.position > since.get(firsts[one.stream_id].merchant_id, one.position)
            )
        ]


def _pay(ledger: LedgerFixture, session: UUID) -> None:
    wallet = ledger.open_wallet(1000)
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))


class Follower:
    """One worker's follower, and its position."""

    def __init__(self, log: MemoryLog, store: MemoryTasks) -> None:
        self._log, self._store = log, store
        self.restart()

    def restart(self) -> None:
        """Lose what is in memory, and go on at the stored position."""
        process = make_webhooks(self._log, MemoryDeliveries(), FakeSender())
        self.topics = process.topics()
        self._follower = ProcessFollower(process, self._store, head=lambda: 0)
        self.position = self._follower.prepare(self.read)

    def read(self, after: int, limit: int) -> Page:
        return self._log.page(after, limit, self.topics)

    def take(self, size: int) -> bool:
        """Take in a page; whether there was one."""
        page = self.read(self.position, size)
        self.position = self._follower.apply(page) if page.last > page.after else page.last
        return page.last > page.after


def keys(store: MemoryTasks) -> list[str]:
    """The keys of the stored tasks, in stored order."""
    return [key for process, key in store.rows if process == NAME]


def test_the_rule_of_these_tests_tells_some_events_and_not_others() -> None:
    story = Story()
    followed = [one for one in story.log.read(0, 1000) if type(one.event) in FOLLOWED]

    assert len(story.expected()) == 5 + 3  # of the endpoint, of the callback address
    assert len(followed) == 22


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("restarts", [False, True], ids=["one worker", "a new one for each page"])
def test_events_get_a_task_from_the_endpoints_on_and_for_callbacks_however_pages_are_cut(
    size: int, *, restarts: bool
) -> None:
    story = Story()
    store = MemoryTasks(story.log.server_now)
    follower = Follower(story.log, store)

    while follower.take(size):
        if restarts:
            follower.restart()

    assert keys(store) == story.expected()


STORY, WORKERS = 0, (1, 2, 3)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9), st.booleans()), max_size=60))
def test_workers_that_take_over_from_each_other_while_it_happens_store_the_same_tasks(
    steps: list[tuple[int, int, bool]],
) -> None:
    story = Story(told=False)
    store = MemoryTasks(story.log.server_now)
    workers = {number: Follower(story.log, store) for number in WORKERS}

    for number, size, restarts in steps:
        if number == STORY:
            story.tell()
            continue
        if restarts:
            workers[number].restart()
        workers[number].take(size)
    while story.tell():
        pass
    for worker in workers.values():
        while worker.take(1000):
            pass

    assert keys(store) == story.expected()


def test_an_endpoint_that_is_added_while_the_worker_runs_is_told_from_then_on() -> None:
    story = Story(told=False)
    store = MemoryTasks(story.log.server_now)
    follower = Follower(story.log, store)

    while story.tell():
        follower.take(1000)
    follower.take(1000)

    assert keys(store) == story.expected()


def test_a_worker_that_was_overtaken_hears_of_endpoints_that_did_not_pass_it() -> None:
    log = MemoryLog()
    ledger = LedgerFixture(log)
    store = MemoryTasks(log.server_now)
    overtaken, other = Follower(log, store), Follower(log, store)
    session = ledger.create_session()
    overtaken.take(1000)  # and remembers that the merchant has no endpoints
    ledger.open_wallet(0)
    add_endpoint(ledger)
    other.take(1000)
    other.take(1000)

    overtaken.take(1)  # too late: the other one was faster, and has seen what this one has not
    ledger.send(ledger.cancel(session))
    overtaken.take(1000)

    cancelled = log.stream(session)[-1]
    assert keys(store) == [ids.encode("evt", cancelled.event_id)]


def test_payments_of_a_merchant_without_endpoints_cost_no_task_and_no_read() -> None:
    log = CountingLog()
    ledger = LedgerFixture(log)
    store = MemoryTasks(log.server_now)
    follower = Follower(log, store)
    _pay(ledger, ledger.create_session())
    follower.take(1000)
    for _ in range(20):
        _pay(ledger, ledger.create_session())
    log.reads = 0

    while follower.take(7):
        pass

    assert log.reads == 0
    assert keys(store) == []


def test_a_restarted_worker_reads_each_session_and_each_merchant_once() -> None:
    log = CountingLog()
    ledger = LedgerFixture(log)
    sessions = [ledger.create_session() for _ in range(3)]
    for session in sessions:
        ledger.claim_session(session, ledger.open_wallet())
    recipients = Recipients(log)
    scanned = [one for one in log.read(0, 1000) if one.topic == "payment_session.scanned"]
    log.reads = 0

    answers = [recipients.may_exist(one) for one in [*scanned, *scanned]]

    assert answers == [False] * 6
    assert log.reads == 3 + 1


def test_memory_is_bounded_and_what_was_forgotten_is_read_again() -> None:
    story = Story()
    small = Recipients(story.log, subjects_max=1, merchants_max=1)
    large = Recipients(story.log)
    events = [one for one in story.log.read(0, 1000) if type(one.event) in FOLLOWED]

    answers = [small.may_exist(one) for one in events]

    assert answers == [large.may_exist(one) for one in events]
    assert (len(small._subjects), len(small._opened)) == (1, 1)


def test_asked_again_about_an_old_event_the_answer_is_the_same() -> None:
    fixture = WebhookFixture()
    session = fixture.ledger.create_session()
    [created] = fixture.log.stream(session)
    process = fixture.process

    before = list(process.react(created))
    fixture.add_endpoint()
    process.forget()
    after = list(process.react(created))
    fixture.ledger.claim_session(session, fixture.ledger.open_wallet())
    [scanned] = fixture.log.stream(session, after=1)

    assert before == after == []
    [task] = process.react(scanned)
    assert isinstance(task, Task)
    assert task.key == ids.encode("evt", scanned.event_id)
