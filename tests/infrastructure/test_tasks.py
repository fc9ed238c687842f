"""The contract of the store of tasks: PostgreSQL and memory behave alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from application.ports.tasks import (
    Changes,
    ClaimedTask,
    Finished,
    Parked,
    Progress,
    Retried,
    Settlement,
    TaskStore,
)
from application.processes.process import Task
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.task_admin import TaskAdmin
from infrastructure.postgres.tasks import PostgresTasks
from tests.support.memory_tasks import MemoryTasks
from tests.support.postgres import rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE_SECONDS = 10.0


@dataclass
class Fixture:
    """A store of tasks, and shorthands for one process."""

    store: TaskStore
    let_lease_end: Callable[[float], None]
    retry: Callable[[str, Sequence[str]], Sequence[str]]
    process: str = "p"
    position: int = field(default=0)

    def __post_init__(self) -> None:
        self.store.begin(self.process, 0, frozenset())

    def add(self, *tasks: Task, cancel: Sequence[str] = ()) -> None:
        after, self.position = self.position, self.position + 1
        self.store.record(self.process, after, self.position, Changes(cancel, tasks))

    def claim(
        self, tasks_max: int = 10, repeats_max: int = 10, now: datetime = NOW
    ) -> tuple[UUID, list[ClaimedTask]]:
        token = uuid4()
        claimed = self.store.claim(
            self.process,
            now=now,
            tasks_max=tasks_max,
            repeats_max=repeats_max,
            lease_seconds=LEASE_SECONDS,
            token=token,
        )
        return token, sorted(claimed, key=lambda one: one.task.key)

    def keys(self, **limits: Any) -> list[str]:
        return [one.task.key for one in self.claim(**limits)[1]]

    def settle(self, token: UUID, *settlements: Settlement) -> set[str]:
        return set(self.store.settle(self.process, token, settlements))


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def tasks(request: pytest.FixtureRequest) -> Iterator[Fixture]:
    if request.param == "memory":
        clock = [NOW]

        def later(seconds: float) -> None:
            clock[0] += timedelta(seconds=seconds)

        store = MemoryTasks(lambda: clock[0])
        yield Fixture(store, later, store.retry)
        return
    url = request.getfixturevalue("database_url")
    pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=4)

    def end(seconds: float) -> None:
        back = "update ledger.tasks set leased_at = leased_at - make_interval(secs => %s)"
        rows(url, back, seconds, fetch=False)

    yield Fixture(PostgresTasks(pool), end, TaskAdmin(url).retry)
    rows(url, "delete from ledger.process_positions", fetch=False)
    pool.close()


def task(key: str, lane: str = "", seconds: float = 0, **payload: str) -> Task:
    return Task(key=key, due_at=NOW + timedelta(seconds=seconds), lane=lane, payload=payload)


def test_tasks_are_stored_with_the_position(tasks: Fixture) -> None:
    first = tasks.store.record("p", 0, 7, Changes((), [task("a", text='é\0"')]))
    again = tasks.store.record("p", 0, 9, Changes((), [task("b")]))

    assert (first, again) == (7, 7)
    assert tasks.store.progress("p") == Progress(7, frozenset())
    assert tasks.claim()[1] == [ClaimedTask(task("a", text='é\0"'), 1)]


def test_a_process_begins_once_and_its_topics_change(tasks: Fixture) -> None:
    tasks.add()

    tasks.store.begin("p", 100, frozenset({"b", "a"}))
    tasks.store.begin("new", 100, frozenset({"c"}))

    assert tasks.store.progress("p") == Progress(1, frozenset({"a", "b"}))
    assert tasks.store.progress("new") == Progress(100, frozenset({"c"}))
    assert tasks.store.progress("other") is None


def test_replayed_changes_leave_the_position(tasks: Fixture) -> None:
    tasks.store.replay("p", Changes((), [task("a")]))

    assert tasks.keys() == ["a"]
    assert tasks.store.progress("p") == Progress(0, frozenset())


def test_only_due_tasks_of_the_process_are_claimed_the_oldest_first(tasks: Fixture) -> None:
    tasks.store.begin("other", 0, frozenset())
    tasks.store.record("other", 0, 1, Changes((), [task("z")]))
    tasks.add(task("a", seconds=-1), task("b", seconds=-2), task("c", seconds=1), task("d"))

    assert tasks.keys(tasks_max=2) == ["a", "b"]
    assert tasks.keys() == ["d"]
    assert tasks.keys(now=NOW + timedelta(seconds=1)) == ["c"]


def test_a_key_that_is_stored_already_changes_nothing(tasks: Fixture) -> None:
    tasks.add(task("a", n="1"))

    tasks.add(task("a", n="2"), task("b"))

    assert [one.task.payload for one in tasks.claim()[1]] == [{"n": "1"}, {}]


def test_of_each_lane_only_the_first_task_is_claimed(tasks: Fixture) -> None:
    tasks.add(task("a1", "a"), task("b1", "b", seconds=5), task("a2", "a"))
    tasks.add(task("b2", "b"), task("a3", "a"), task("free"))

    token, claimed = tasks.claim()
    blocked = tasks.keys()
    tasks.settle(token, Finished("a1"), Finished("free"))
    after = tasks.keys()

    assert [one.task.key for one in claimed] == ["a1", "free"]
    assert (blocked, after) == ([], ["a2"])
    assert tasks.keys(now=NOW + timedelta(seconds=5)) == ["b1"]


def test_a_task_that_is_repeated_keeps_its_place(tasks: Fixture) -> None:
    tasks.add(task("a1", "a"), task("a2", "a"))
    token, _ = tasks.claim()

    tasks.settle(token, Retried("a1", NOW + timedelta(seconds=3), 1, "busy"))

    assert tasks.keys() == []
    assert tasks.claim(now=NOW + timedelta(seconds=3))[1] == [
        ClaimedTask(Task(key="a1", due_at=NOW + timedelta(seconds=3), lane="a"), 2)
    ]


def test_a_parked_task_frees_its_lane_and_returns_to_its_end(tasks: Fixture) -> None:
    tasks.add(task("a1", "a"), task("a2", "a"), task("a3", "a"))
    token, _ = tasks.claim()
    tasks.settle(token, Parked("a1", "account\0closed"))
    second, claimed = tasks.claim()

    retried = tasks.retry("p", ["a1", "a2", "nothing"])
    tasks.settle(second, Finished("a2"))

    assert [one.task.key for one in claimed] == ["a2"]
    assert list(retried) == ["a1"]
    third, third_claimed = tasks.claim()
    tasks.settle(third, Finished("a3"))
    assert [one.task.key for one in third_claimed] == ["a3"]
    assert tasks.claim()[1] == [ClaimedTask(task("a1", "a"), 1)]


def test_repeated_tasks_are_claimed_within_their_limit(tasks: Fixture) -> None:
    tasks.add(*(task(f"a{n}") for n in range(4)))
    token, _ = tasks.claim()
    tasks.settle(token, *(Retried(f"a{n}", NOW, 1, "busy") for n in range(4)))
    tasks.add(*(task(f"b{n}") for n in range(4)))

    assert tasks.keys(repeats_max=0, tasks_max=1)[0].startswith("b")
    repeats = tasks.keys(repeats_max=2, tasks_max=3)
    assert sorted(key[0] for key in repeats) == ["a", "a", "b"]


def test_a_leased_task_is_nobody_elses_until_its_lease_ends(tasks: Fixture) -> None:
    tasks.add(task("a"), task("b1", "b"), task("b2", "b"))
    token, _ = tasks.claim()

    tasks.let_lease_end(LEASE_SECONDS - 2)
    early = tasks.keys()
    tasks.let_lease_end(2)
    other, claimed = tasks.claim()
    late = tasks.settle(token, Finished("a", [task("further")]), Retried("b1", NOW, 1, ""))

    assert (early, late) == ([], set())
    assert [(one.task.key, one.attempts) for one in claimed] == [("a", 2), ("b1", 2)]
    assert tasks.settle(other, Finished("a"), Finished("b1")) == {"a", "b1"}
    assert tasks.keys() == ["b2"]


def test_a_clock_that_is_set_back_does_not_prolong_a_lease(tasks: Fixture) -> None:
    tasks.add(task("a"))
    tasks.claim()

    tasks.let_lease_end(-LEASE_SECONDS - 2)

    assert tasks.keys() == ["a"]


def test_further_tasks_come_with_the_end_of_theirs(tasks: Fixture) -> None:
    tasks.add(task("a"), task("b"))
    token, _ = tasks.claim()

    tasks.settle(
        token,
        Finished("a", [task("l1", "l"), task("l2", "l"), task("same")]),
        Finished("b", [task("same"), task("b", n="2")]),
    )

    token, claimed = tasks.claim()
    assert [one.task.key for one in claimed] == ["b", "l1", "same"]
    tasks.settle(token, Finished("l1"))
    assert tasks.keys() == ["l2"]


def test_a_cancel_removes_a_task_that_waits_and_frees_its_lane(tasks: Fixture) -> None:
    tasks.add(task("a1", "a"), task("a2", "a"), task("b"), task("parked"), task("again"))
    token, _ = tasks.claim(now=NOW)
    tasks.settle(
        token, Parked("parked", ""), Retried("again", NOW, 1, ""), Retried("a1", NOW, 1, ""),
        Retried("b", NOW, 1, ""),
    )  # fmt: skip

    tasks.add(cancel=["a1", "parked", "again", "unknown"])

    assert tasks.keys() == ["a2", "b"]
    assert list(tasks.retry("p", ["parked"])) == []


@pytest.mark.parametrize(
    "settlement", [Finished("a"), Retried("a", NOW, 1, "busy"), Parked("a", "unclear")]
)
def test_a_cancel_of_a_leased_task_takes_effect_when_it_is_settled(
    tasks: Fixture, settlement: Settlement
) -> None:
    tasks.add(task("a", "lane"), task("b", "lane"))
    token, _ = tasks.claim()

    tasks.add(cancel=["a"])
    tasks.add(cancel=["a"])
    settled = tasks.settle(token, settlement)

    assert settled == {"a"}
    assert tasks.keys() == ["b"]
    assert list(tasks.retry("p", ["a"])) == []


def test_a_cancelled_task_whose_worker_died_is_performed_once_more(tasks: Fixture) -> None:
    tasks.add(task("a"))
    tasks.claim()
    tasks.let_lease_end(LEASE_SECONDS)

    tasks.add(cancel=["a"])
    token, claimed = tasks.claim()

    assert [one.task.key for one in claimed] == ["a"]
    assert tasks.settle(token, Retried("a", NOW, 2, "busy")) == {"a"}
    assert tasks.keys() == []


def test_a_task_that_is_set_again_is_not_cancelled_any_more(tasks: Fixture) -> None:
    tasks.add(task("a"))
    token, _ = tasks.claim()

    tasks.add(cancel=["a"])
    tasks.add(task("a"))
    tasks.settle(token, Retried("a", NOW, 1, "busy"))

    assert tasks.keys() == ["a"]


def test_no_task_is_claimed_twice_at_a_time_and_no_lane_is_out_of_order(tasks: Fixture) -> None:
    tasks.add(*(task(f"{n:03}", f"lane {n % 3}" if n % 2 else "") for n in range(120)))
    performed: list[str] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while len(performed) < 120:
                token, claimed = tasks.claim(tasks_max=5)
                performed.extend(one.task.key for one in claimed)
                tasks.settle(token, *(Finished(one.task.key) for one in claimed))
        except BaseException as error:
            failures.append(error)
            raise

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert sorted(performed) == [f"{n:03}" for n in range(120)]
    for lane in range(3):
        in_lane = [key for key in performed if int(key) % 2 and int(key) % 3 == lane]
        assert in_lane == sorted(in_lane)


@pytest.mark.postgres
def test_tasks_are_not_stored_without_their_position(database_url: str) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=1)
    store = PostgresTasks(pool)
    store.begin("p", 0, frozenset())
    limit = "alter table ledger.process_positions add check (position < 10)"
    rows(database_url, limit, fetch=False)

    with pytest.raises(psycopg.errors.CheckViolation):
        store.record("p", 0, 10, Changes((), [task("a")]))

    pool.close()
    assert rows(database_url, "select * from ledger.tasks") == []


@pytest.mark.postgres
def test_a_claim_is_durable_and_a_page_need_not_be(database_url: str) -> None:
    """A call that was made must be known after a crash; a page is read again from the log."""
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=1)
    tasks = Fixture(PostgresTasks(pool), lambda _: None, lambda _p, _k: [])
    seen = (
        "create table ledger.seen (durable text); grant insert on ledger.seen to public;"
        "create function ledger.see() returns trigger language plpgsql as $$ begin"
        " insert into ledger.seen values (current_setting('synchronous_commit'));"
        " return null; end $$;"
        "create trigger see after insert or update or delete on ledger.tasks"
        " for each row execute function ledger.see()"
    )
    rows(database_url, seen, fetch=False)

    tasks.add(task("a"))
    token, _ = tasks.claim()
    tasks.settle(token, Finished("a"))

    pool.close()
    rows(database_url, "delete from ledger.process_positions", fetch=False)
    assert rows(database_url, "select durable from ledger.seen") == [("off",), ("on",), ("off",)]
