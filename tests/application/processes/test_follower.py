"""Following the log for a process: which events count, once each, and from where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import pytest

from application.consumer import Page
from application.event_log import Recorded
from application.ports.tasks import Progress
from application.processes.process import Cancel, InvalidTask, Start, Task
from domain.sessions.payment_session import PaymentSession
from tests.support.memory_log import START
from tests.support.task_fixture import Deliveries, TaskFixture, Worker


def test_a_task_that_is_cancelled_in_the_same_page_is_never_stored() -> None:
    tasks = TaskFixture()
    cancelled = tasks.ledger.create_session("one")
    tasks.ledger.create_session("two")
    tasks.ledger.send(tasks.ledger.cancel(cancelled))

    tasks.worker.follow()

    assert tasks.waiting == ["two"]
    assert tasks.store._number == 1


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_a_cancel_removes_a_task_that_waits_for_any_page_size(size: int) -> None:
    tasks = TaskFixture()
    cancelled = tasks.ledger.create_session("one")
    tasks.ledger.create_session("two")
    tasks.ledger.send(tasks.ledger.cancel(cancelled))

    tasks.worker.follow(size)
    tasks.drain()

    assert (tasks.calls, tasks.topped_up) == (["two"], 1)


def test_a_page_that_does_not_follow_the_position_changes_nothing() -> None:
    tasks = TaskFixture()
    tasks.order("one")
    tasks.drain()
    tasks.worker.follow()
    head = tasks.log.head()

    again = tasks.worker.follower.apply(tasks.worker.read(0, 1000))
    ahead = tasks.worker.follower.apply(Page(head + 5, head + 9, tasks.log.read(0, 1000)))

    assert (again, ahead) == (head, head)
    assert tasks.waiting == []


def test_two_followers_share_the_work_and_no_event_counts_twice() -> None:
    tasks = TaskFixture()
    other = tasks.add_worker()
    tasks.order("one")
    tasks.ledger.create_session("two")

    other.follow()
    tasks.worker.follow()
    tasks.drain()

    assert sorted(tasks.calls) == ["one", "two"]


def test_tasks_wake_the_performer_with_the_time_of_the_earliest() -> None:
    tasks = TaskFixture()
    woken: list[Any] = []
    tasks.worker.follower._on_stored = woken.append

    tasks.order("one", "two")
    tasks.ledger.open_wallet()
    tasks.worker.follow()

    assert woken == [START]


class Endless(Deliveries):
    """Sets more tasks per event than it may."""

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        return (Task(key=str(n), due_at=START) for n in range(10**9))


def test_too_many_tasks_of_one_event_halt_the_process() -> None:
    tasks = TaskFixture()
    tasks.ledger.create_session("one")
    worker = Worker(Endless(tasks.wallet, lambda _task: None), tasks.store, tasks.log)

    with pytest.raises(InvalidTask):
        worker.follow()

    assert (tasks.waiting, tasks.store.progress("deliveries")) == (
        [],
        Progress(0, Endless.topics()),
    )


class More(Deliveries):
    """A later release, which follows payments as well, from the beginning."""

    follows: ClassVar[tuple[type[Any], ...]] = (*Deliveries.follows, PaymentSession.Paid)

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        if recorded.topic != PaymentSession.Paid.TOPIC:
            return super().react(recorded)
        return [Task(key=f"paid {recorded.position}", due_at=START, payload={"order": "paid"})]


class Later(More):
    """The same, but earlier payments do not count."""

    starts: ClassVar[Start] = Start.RELEASE


@pytest.mark.parametrize(("release", "counted"), [(More, ["paid"] * 2), (Later, ["paid"])])
def test_newly_followed_events_count_from_where_the_process_says(
    release: type[Deliveries], counted: list[str]
) -> None:
    tasks = TaskFixture()
    payer = tasks.ledger.open_wallet()
    paid, *_ = (tasks.ledger.create_session(order) for order in ("one", "two"))
    tasks.ledger.send(tasks.ledger.pay(paid, payer, tasks.ledger.claim_session(paid, payer)))
    tasks.worker.follow()
    tasks.drain()
    before, tasks.process.calls = tasks.calls, []

    tasks.process = release(tasks.wallet, lambda _task: None)
    tasks.worker = tasks.add_worker()
    tasks.worker.follow(1)
    session = tasks.ledger.create_session("three")
    tasks.ledger.send(tasks.ledger.pay(session, payer, tasks.ledger.claim_session(session, payer)))
    tasks.worker.follow(1)
    tasks.drain()

    assert sorted(before) == ["one", "two"]
    assert sorted(tasks.calls) == [*counted, "three"]
    stored = tasks.store.progress("deliveries")
    assert stored is not None
    assert stored.topics == release.topics()


def test_a_new_process_begins_where_it_says() -> None:
    class New(Deliveries):
        name: ClassVar[str] = "new"
        starts: ClassVar[Start] = Start.RELEASE

    tasks = TaskFixture()
    tasks.ledger.create_session("one")
    worker = Worker(process := New(tasks.wallet, lambda _task: None), tasks.store, tasks.log)

    worker.follow()
    tasks.ledger.create_session("two")
    worker.follow()
    worker.perform()

    assert process.calls == ["two"]


def test_removed_topics_need_nothing() -> None:
    class Fewer(Deliveries):
        follows: ClassVar[tuple[type[Any], ...]] = (PaymentSession.Created,)

    tasks = TaskFixture()
    tasks.order("one")

    tasks.process = Fewer(tasks.wallet, lambda _task: None)
    tasks.worker = tasks.add_worker()
    tasks.order("two")
    tasks.drain()

    assert sorted(tasks.calls) == ["one", "two"]


def test_a_process_that_follows_nothing_has_a_position_all_the_same() -> None:
    class Silent(Deliveries):
        name: ClassVar[str] = "silent"
        follows: ClassVar[tuple[type[Any], ...]] = ()

    tasks = TaskFixture()
    tasks.ledger.create_session("one")
    worker = Worker(process := Silent(tasks.wallet, lambda _task: None), tasks.store, tasks.log)

    before = worker.follower.prepare(worker.read)
    stored = tasks.store.progress("silent")
    worker.follow()

    assert (before, stored) == (0, Progress(0, frozenset()))
    assert tasks.store.progress("silent") == Progress(tasks.log.head(), frozenset())
    assert process.calls == []
