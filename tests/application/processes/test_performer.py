"""Performing tasks: once claimed, a task ends in its effect, in a repetition, or with a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from application.commands.top_up_wallet import TopUpWallet
from application.errors import LogUnavailable
from application.processes.process import (
    Done,
    InvalidTask,
    Park,
    Retry,
    Task,
    all_processes,
)
from domain.money.money import Money
from projections._read_model import all_models
from tests.support.memory_log import START
from tests.support.task_fixture import POLICY, STEPS, TaskFixture

TOO_MANY = Done(
    commands=[TopUpWallet(wallet_id=UUID(int=1), amount=Money(1, "USD"), reference="r")] * 17
)


def test_a_due_task_is_performed_and_its_command_recorded() -> None:
    tasks = TaskFixture()
    tasks.order("one", "two")

    count = tasks.worker.perform()

    assert count == 2
    assert sorted(tasks.calls) == ["one", "two"]
    assert (tasks.topped_up, tasks.waiting) == (2, [])
    assert tasks.log.events[-1].actor == "deliveries"


def test_a_task_never_runs_before_it_is_due() -> None:
    tasks = TaskFixture(lambda task: Done(tasks=[later]) if "later" not in task.key else None)
    later = Task(key="later", due_at=START + timedelta(seconds=100), payload={"order": "later"})
    tasks.order("one")
    tasks.worker.perform()

    early = tasks.worker.perform()
    tasks.advance(100)
    due = tasks.worker.perform()

    assert (early, due, tasks.calls) == (0, 1, ["one", "later"])


def test_nothing_is_claimed_while_the_clock_is_in_doubt() -> None:
    tasks = TaskFixture()
    tasks.order("one")
    tasks.log.advance(-60)

    assert tasks.worker.perform() == 0
    tasks.log.advance(60)
    assert tasks.worker.perform() == 1


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_loses_no_effect_and_doubles_no_command(step: str) -> None:
    tasks = TaskFixture()
    tasks.order("a-1", "two")

    tasks.worker.perform(kill_at=step)
    at_once = tasks.worker.perform()
    tasks.advance(POLICY.lease_seconds)
    later = tasks.worker.perform()

    assert (at_once, later) == ((0, 2) if step != "settled" else (0, 0))
    assert set(tasks.calls) == {"a-1", "two"}
    assert (tasks.topped_up, tasks.waiting) == (2, [])


def test_a_lease_ends_after_its_named_seconds_and_not_before() -> None:
    tasks = TaskFixture()
    tasks.order("one")
    other = tasks.add_worker()
    tasks.worker.perform(kill_at="claimed")

    tasks.advance(POLICY.lease_seconds - 0.001)
    early = other.perform()
    tasks.advance(0.001)
    late = other.perform()

    assert (early, late, tasks.topped_up) == (0, 1, 1)


def test_a_worker_that_outlives_its_lease_settles_nothing() -> None:
    def slow(task: Task) -> None:
        if len(tasks.calls) == 1:
            tasks.advance(POLICY.lease_seconds)
            assert other.perform() == 1
            tasks.order("next")

    tasks = TaskFixture(slow)
    other = tasks.add_worker()
    tasks.order("one")

    tasks.worker.perform()

    assert tasks.calls == ["one", "one"]
    assert (tasks.topped_up, tasks.waiting) == (1, ["next"])


def test_only_the_first_task_of_a_lane_is_claimed() -> None:
    results = iter([Retry(reason="busy"), None, None, None])
    tasks = TaskFixture(lambda _task: next(results))
    tasks.order("a-1", "a-2", "a-3")

    first = tasks.worker.perform()
    blocked = tasks.worker.perform()
    tasks.drain()

    assert (first, blocked) == (1, 0)
    assert tasks.calls == ["a-1", "a-1", "a-2", "a-3"]


def test_a_parked_task_frees_its_lane_and_returns_to_its_end() -> None:
    parked: list[str] = []

    def call(task: Task) -> Park | None:
        if task.payload["order"] == "a-1" and not parked:
            parked.append(task.key)
            return Park(reason="account closed")
        return None

    tasks = TaskFixture(call)
    tasks.order("a-1", "a-2")
    tasks.drain()
    waiting = tasks.waiting

    tasks.order("a-3")
    tasks.store.retry("deliveries", parked)
    tasks.drain()

    assert waiting == ["a-1"]
    assert tasks.calls == ["a-1", "a-2", "a-3", "a-1"]
    assert (tasks.topped_up, tasks.waiting) == (3, [])


def test_a_task_is_parked_after_its_last_attempt() -> None:
    tasks = TaskFixture(lambda _task: Retry(reason="connection refused"))
    [key] = tasks.order("one")

    tasks.drain()

    row = tasks.store.rows["deliveries", key]
    assert (len(tasks.calls), row.parked, row.reason) == (4, True, "connection refused")


def test_the_backoff_doubles_with_full_jitter_up_to_its_limit() -> None:
    tasks = TaskFixture(lambda _task: Retry(reason="busy"))
    keys = tasks.order(*map(str, range(200)))
    waits: list[list[float]] = []
    for _ in range(POLICY.attempts_max - 1):
        while tasks.worker.perform():
            pass
        rows = [tasks.store.rows["deliveries", key] for key in keys]
        now = tasks.log.now()
        waits.append([(row.due_at - now).total_seconds() for row in rows])
        tasks.advance(8)

    for longest, seconds in zip((1, 2, 4), waits, strict=True):
        assert max(seconds) <= longest
        assert longest * 0.4 < sum(seconds) / len(seconds) < longest * 0.6
        assert min(seconds) < longest * 0.1


def test_a_retry_waits_as_long_as_it_was_told_to_but_at_most_a_day() -> None:
    waits = {"short": timedelta(seconds=90), "long": timedelta(days=3650)}
    tasks = TaskFixture(lambda task: Retry(reason="", after=waits[task.payload["order"]]))
    short, long = tasks.order("short", "long")

    tasks.worker.perform()

    rows, now = tasks.store.rows, tasks.log.now()
    assert rows["deliveries", short].due_at == now + timedelta(seconds=90)
    assert rows["deliveries", long].due_at == now + timedelta(days=1)


def test_an_exception_repeats_its_task_only() -> None:
    def call(task: Task) -> None:
        if task.payload["order"] == "bad":
            raise KeyError("secret")

    tasks = TaskFixture(call)
    _, bad, _ = tasks.order("one", "bad", "three")

    tasks.worker.perform()

    assert (tasks.waiting, tasks.topped_up) == (["bad"], 2)
    assert tasks.store.rows["deliveries", bad].reason == "KeyError"


@pytest.mark.parametrize("results", [[], [Done()] * 3, [None] * 2, [TOO_MANY] * 2])
def test_a_wrong_result_is_the_mistake_of_its_process_and_repeats_the_tasks(
    results: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = TaskFixture()
    keys = tasks.order("one", "two")
    monkeypatch.setattr(tasks.process, "perform", lambda _tasks: results)

    tasks.worker.perform()

    reasons = {tasks.store.rows["deliveries", key].reason for key in keys}
    assert reasons == {"InvalidResult"}


def test_a_task_that_kills_its_worker_each_time_is_parked() -> None:
    tasks = TaskFixture()
    [key] = tasks.order("one")

    for _ in range(POLICY.attempts_max):
        tasks.worker.perform(kill_at="performed")
        tasks.advance(POLICY.lease_seconds)
    calls = len(tasks.calls)
    tasks.drain()

    assert (calls, len(tasks.calls)) == (4, 4)
    assert tasks.store.rows["deliveries", key].parked


def test_further_tasks_are_stored_with_the_end_of_their_task() -> None:
    def call(task: Task) -> Done | None:
        if task.key.isdigit():
            return None
        now = tasks.log.now()
        return Done(
            tasks=[
                Task(key=str(n), due_at=now, lane="z", payload={"order": f"z-{n}"}) for n in (1, 2)
            ]
        )

    tasks = TaskFixture(call)
    tasks.order("one")

    tasks.drain()

    assert tasks.calls == ["one", "z-1", "z-2"]
    assert (tasks.topped_up, tasks.waiting) == (2, [])


def test_a_command_that_the_ledger_refuses_for_now_is_sent_again_and_never_parks_its_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks = TaskFixture()
    tasks.order("one")
    with monkeypatch.context() as broken:
        broken.setattr(tasks.log, "append", unavailable)
        for _ in range(10):
            tasks.worker.perform()
            tasks.advance(8)
    refused = tasks.topped_up

    tasks.drain()

    assert (refused, tasks.topped_up, tasks.waiting) == (0, 1, [])


def test_a_final_refusal_settles_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = TaskFixture()
    tasks.order("one")
    monkeypatch.setattr(tasks.process, "_wallet_id", tasks.ledger.app_id)

    tasks.worker.perform()

    assert (tasks.waiting, tasks.topped_up) == ([], 0)


def test_a_command_that_fails_by_our_mistake_parks_its_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks = TaskFixture()
    [key] = tasks.order("one")
    monkeypatch.setattr(tasks.process, "_wallet_id", None)

    tasks.worker.perform()

    row = tasks.store.rows["deliveries", key]
    assert (row.parked, row.reason) == (True, "internal-error")


def test_a_cancel_during_a_call_takes_effect_after_it() -> None:
    results = [None, Retry(reason="busy"), Park(reason="unclear")]

    def call(task: Task) -> Retry | Park | None:
        tasks.ledger.send(tasks.ledger.cancel(UUID(task.key)))
        tasks.worker.follow()
        return results.pop(0)

    tasks = TaskFixture(call)

    left = []
    for order in ("one", "two", "three"):
        tasks.order(order)
        tasks.worker.perform()
        left.append((tasks.topped_up, tasks.waiting))

    assert left == [(1, [])] * 3


def test_a_cancel_after_a_call_that_never_returned_waits_for_its_repetition() -> None:
    tasks = TaskFixture()
    [key] = tasks.order("one")
    tasks.worker.perform(kill_at="performed")
    tasks.ledger.send(tasks.ledger.cancel(UUID(key)))
    tasks.worker.follow()
    waiting = tasks.waiting

    tasks.advance(POLICY.lease_seconds)
    tasks.worker.perform()

    assert waiting == ["one"]
    assert (tasks.calls, tasks.topped_up, tasks.waiting) == (["one", "one"], 1, [])


@pytest.mark.parametrize(
    "facts",
    [{"key": ""}, {"key": "k" * 201}, {"key": "a\0"}, {"lane": "l" * 201}, {"lane": "\n"},
     {"payload": {"text": "x" * 8192}}],
)  # fmt: skip
def test_a_task_has_limits(facts: dict[str, Any]) -> None:
    with pytest.raises(InvalidTask):
        Task(**{"key": "k", "due_at": START, **facts})


def unavailable(_batch: object) -> Any:
    raise LogUnavailable(reason="read-only")


def test_every_process_of_the_package_is_found_by_name() -> None:
    names = [process.name for process in all_processes()]

    assert names == [
        "expiry", "payments", "payout_funding", "payout_schedule", "payout_transfers",
        "processor_callbacks", "processor_refunds", "push", "rates", "sandbox_callbacks", "status_checks",
        "webhooks",
    ]  # fmt: skip
    assert set(names).isdisjoint(model.name for model in all_models())
