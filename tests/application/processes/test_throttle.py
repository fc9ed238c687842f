"""The budget of retries and the breaker of a process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.processes._throttle import Throttle
from application.processes.process import Retry, Task
from tests.support.task_fixture import POLICY, Deliveries, TaskFixture


def test_the_budget_limits_repeated_tasks_in_any_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Deliveries, "retry", replace(POLICY, attempts_max=1000, retries_per_minute_max=10)
    )
    seen: set[str] = set()
    repeated: list[float] = []

    def call(task: Task) -> Retry:
        if task.key in seen:
            repeated.append(tasks.elapsed())
        seen.add(task.key)
        return Retry(reason="down")

    tasks = TaskFixture(call)
    tasks.order(*map(str, range(20)))
    for _ in range(300):
        tasks.worker.perform()
        tasks.advance(1)

    assert len(repeated) == 50
    for start in repeated:
        assert sum(start <= at < start + 60 for at in repeated) <= 10


def test_first_attempts_need_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Deliveries, "retry", replace(POLICY, retries_per_minute_max=0))
    tasks = TaskFixture(lambda _task: Retry(reason="down"))
    tasks.order(*map(str, range(20)))

    tasks.drain(10)

    assert len(tasks.calls) == 20


def test_the_breaker_opens_after_failures_in_a_row_and_then_lets_one_task_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        Deliveries, "retry", replace(POLICY, attempts_max=100, failures_max=8, tasks_max=4)
    )
    works = False
    tasks = TaskFixture(lambda _task: None if works else Retry(reason="down"))
    tasks.order(*map(str, range(40)))

    closed = [tasks.worker.perform() for _ in range(4)]
    tasks.advance(POLICY.open_seconds - 0.1)
    still_open = tasks.worker.perform()
    tasks.advance(0.1)
    trial = [tasks.worker.perform() for _ in range(2)]
    works = True
    tasks.advance(POLICY.open_seconds)
    recovered = [tasks.worker.perform() for _ in range(2)]

    assert closed == [4, 4, 0, 0]
    assert still_open == 0
    assert trial == [1, 0]
    assert recovered == [1, 4]


def test_a_trial_that_finds_no_task_or_dies_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Deliveries, "retry", replace(POLICY, failures_max=1))
    works = False
    tasks = TaskFixture(lambda _task: None if works else Retry(reason="down"))
    tasks.order("one")
    tasks.worker.perform()
    works = True

    tasks.advance(-tasks.elapsed() % 1)
    counts = []
    for _ in range(100):
        counts.append(tasks.worker.perform())
        tasks.advance(1)

    assert sum(counts) == 1
    assert tasks.topped_up == 1


def test_only_one_loop_makes_the_trial() -> None:
    seconds = 0.0
    throttle = Throttle(replace(POLICY, failures_max=1), lambda: seconds)
    with throttle.turn() as turn:
        turn.failures = [True]
    seconds = POLICY.open_seconds

    with throttle.turn() as first, throttle.turn() as second:
        pass

    assert (first.tasks_max, second.tasks_max) == (1, 0)


def test_loops_share_the_budget_while_they_perform() -> None:
    throttle = Throttle(replace(POLICY, retries_per_minute_max=10), lambda: 0.0)

    with throttle.turn() as first, throttle.turn() as second:
        pass

    assert (first.repeats_max, second.repeats_max) == (8, 2)
