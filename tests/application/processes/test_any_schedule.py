"""Random schedules: two workers, kills at every step, slow calls, cancels, parked tasks, lanes.

Whatever happens, each task's effect comes at least once, its command is recorded once, and a lane is
never out of order.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from application.errors import LogUnavailable
from application.processes.process import Done, Park, Retry, Task
from domain.wallets.wallet import Wallet
from tests.support.task_fixture import POLICY, STEPS, TaskFixture, Worker

STEPS_PER_SCHEDULE = 120
DRAIN_BATCHES = 400


@dataclass
class Schedule:
    """One random schedule, and what it knows of every task."""

    random: Random
    number: int = 0
    healed: bool = False
    inside: bool = False
    lanes: dict[str, list[str]] = field(default_factory=dict)
    """The keys of each lane in the order in which they were stored and not unparked."""
    free: set[str] = field(default_factory=set)
    """Keys that no longer hold up their lane: succeeded, cancelled or parked."""
    succeeded: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tasks = TaskFixture(self.call)
        self.workers = [self.tasks.worker, self.tasks.add_worker()]

    def call(self, task: Task) -> Done | Retry | Park | None:
        """The port: checks the order of the lane, and may fail in any way."""
        if task.lane:
            lane = self.lanes[task.lane]
            earlier = lane[: lane.index(task.key)]
            assert set(earlier) <= self.free, f"{task.key} before {set(earlier) - self.free}"
        if not self.healed and not self.inside and self.random.random() < 0.1:
            self.outlive_the_lease()
        if not self.healed and self.random.random() < 0.5:
            match self.random.choice(["retry", "park", "raise"]):
                case "retry":
                    return Retry(reason="busy")
                case "park":
                    return self.park(task)
                case _:
                    raise OSError
        self.succeeded.add(task.key)
        self.free.add(task.key)
        return None

    def park(self, task: Task) -> Park:
        self.free.add(task.key)
        return Park(reason="unclear")

    def outlive_the_lease(self) -> None:
        """The call takes so long that the other worker claims the task as well."""
        self.inside = True
        self.tasks.advance(POLICY.lease_seconds)
        self.workers[self.random.randrange(2)].perform()
        self.inside = False

    def step(self) -> None:
        """Do anything."""
        worker = self.random.choice(self.workers)
        match self.random.choice(["create", "cancel", "follow", "work", "work", "wait", "unpark"]):
            case "create":
                self.create()
            case "cancel":
                self.cancel()
            case "follow":
                self.follow(worker)
            case "work":
                self.work(worker)
            case "wait":
                self.tasks.advance(self.random.choice([0.5, 3, POLICY.lease_seconds]))
            case _:
                self.unpark()

    def create(self) -> None:
        self.number += 1
        lane = self.random.choice(["", "a-", "b-", "c-"])
        self.tasks.ledger.create_session(f"{lane}{self.number}")

    def cancel(self) -> None:
        rows = list(self.tasks.store.rows.values())
        if rows:
            row = self.random.choice(rows)
            if row.task.key not in self.cancelled:
                self.cancelled.add(row.task.key)
                self.tasks.ledger.try_send(self.tasks.ledger.cancel(UUID(row.task.key)))

    def follow(self, worker: Worker) -> None:
        worker.follow(self.random.choice([1, 3, 1000]))
        self.note()

    def note(self) -> None:
        """Note the tasks that were stored, and those that were removed or parked."""
        rows = self.tasks.store.rows
        for row in sorted(rows.values(), key=lambda row: row.number):
            lane = self.lanes.setdefault(row.task.lane, [])
            if row.task.key not in lane:
                lane.append(row.task.key)
            if row.parked:
                self.free.add(row.task.key)
        known = {key for lane in self.lanes.values() for key in lane}
        self.free |= {key for key in known if ("deliveries", key) not in rows}

    def work(self, worker: Worker) -> None:
        kill_at = self.random.choice(["", "", *STEPS]) if not self.healed else ""
        worker.perform(kill_at=kill_at)
        self.note()

    def unpark(self) -> None:
        parked = [row.task for row in self.tasks.store.rows.values() if row.parked]
        for task in parked:
            self.tasks.store.retry("deliveries", [task.key])
            self.lanes[task.lane].remove(task.key)
            self.lanes[task.lane].append(task.key)
            self.free.discard(task.key)

    def drain(self) -> None:
        """Without faults, until nothing is left."""
        self.healed = True
        for _ in range(DRAIN_BATCHES):
            self.unpark()
            for worker in self.workers:
                self.follow(worker)
                self.work(worker)
            if not self.tasks.store.rows:
                return
            self.tasks.advance(5)


def references(tasks: TaskFixture) -> list[tuple[str, str]]:
    """The task and the number of the call of every command that was recorded."""
    recorded: list[Any] = [
        one.event for one in tasks.log.events if one.topic == Wallet.ToppedUp.TOPIC
    ]
    return [(key, call) for key, _, call in (one.reference.partition(" ") for one in recorded)]


@given(seed=st.integers(0, 2**32))
@limits(max_examples=60)
def test_every_effect_comes_and_every_command_is_recorded_once(seed: int) -> None:
    schedule = Schedule(Random(seed))
    for _ in range(STEPS_PER_SCHEDULE):
        schedule.step()
    schedule.drain()

    assert schedule.tasks.store.rows == {}
    created = {key for lane in schedule.lanes.values() for key in lane}
    assert created - schedule.cancelled <= schedule.succeeded
    recorded = Counter(key for key, _ in references(schedule.tasks))
    assert set(recorded.values()) <= {1}
    assert set(recorded) >= created - schedule.cancelled
    assert set(recorded) <= schedule.succeeded


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_command_whose_answer_was_lost_is_recorded_once(
    lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = TaskFixture()
    tasks.order("one")
    append = tasks.log.append

    def fails(batch: object) -> object:
        if lost == "after":
            append(batch)  # type: ignore[arg-type]
        raise LogUnavailable(reason="connection lost")

    with monkeypatch.context() as broken:
        broken.setattr(tasks.log, "append", fails)
        tasks.worker.perform()
    tasks.drain()

    assert len(tasks.calls) == 2
    assert (tasks.topped_up, tasks.waiting) == (1, [])


def test_the_first_recorded_result_of_a_task_counts() -> None:
    tasks = TaskFixture()
    tasks.order("one")
    tasks.worker.perform(kill_at="sent")
    tasks.advance(POLICY.lease_seconds)

    tasks.worker.perform()

    [(_, call)] = references(tasks)
    assert (tasks.calls, call) == (["one", "one"], "1")
