"""When a webhook is attempted again, and whose calls may hold a loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from application.ports.webhook_sender import Answer, NoAnswer
from application.ports.webhooks import Health
from application.processes import _webhook_rules as rules
from application.processes._webhook_gate import SUSPECT_CALLS_MAX, Gate

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DOWN = rules.judge(NoAnswer("the connection failed", 5))
NEW = Health(target="whe_1")


def longest(_low: float, high: float) -> float:
    return high


def after(failures: int, health: Health = NEW) -> Health:
    for _ in range(failures):
        health = rules.after_call(health, DOWN, 5, NOW)
    return health


def test_the_schedule_is_that_of_the_specification() -> None:
    assert timedelta(hours=75.5) < rules.SCHEDULE_MAX < timedelta(hours=75.7)
    waits = [rules.wait_before(n, DOWN, longest).total_seconds() for n in range(1, 11)]
    assert waits == [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]


def test_the_jitter_is_full() -> None:
    waits = [rules.wait_before(4, DOWN, Random(n).uniform).total_seconds() for n in range(500)]

    assert min(waits) < 60
    assert max(waits) > 1740


@pytest.mark.parametrize(("seconds", "waits"), [(None, 5), (3, 5), (600, 600), (10**9, 86_400)])
def test_a_receivers_wish_is_honoured_up_to_a_day(seconds: int | None, waits: float) -> None:
    verdict = rules.judge(Answer(503, 5, "", seconds))

    assert rules.wait_before(2, verdict, longest).total_seconds() == waits


def test_the_breaker_opens_after_five_failures_and_waits_longer_each_time() -> None:
    assert after(4).closed_until is None
    pauses = [(after(n).closed_until or NOW) - NOW for n in range(5, 20)]
    assert pauses[:3] == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2)]
    assert pauses[-1] == rules.BREAK_MAX
    assert after(9).failing_since == NOW


def test_a_success_closes_it() -> None:
    health = rules.after_call(after(9), rules.judge(Answer(200, 7)), 7, NOW)

    assert health == Health(target="whe_1", milliseconds=7)
    assert rules.deferred(health, NOW, longest) is None


def test_a_throttled_target_is_left_alone_for_an_hour_at_most() -> None:
    for seconds, pause in ((20, 20), (7200, 3600)):
        health = rules.after_call(NEW, rules.judge(Answer(429, 5, "", seconds)), 5, NOW)
        assert health.closed_until == NOW + timedelta(seconds=pause)
    assert rules.after_call(NEW, rules.judge(Answer(500, 5, "", 20)), 5, NOW).closed_until is None


def test_what_is_deferred_waits_until_the_breaker_lets_one_through() -> None:
    health = after(5)

    assert rules.deferred(health, NOW, longest) == timedelta(seconds=60)
    assert rules.deferred(health, NOW + timedelta(seconds=30), longest) is None


def test_five_days_of_failures_are_too_many() -> None:
    health = after(1)

    assert not rules.has_failed_for_days(health, NOW + timedelta(days=5, microseconds=-1))
    assert rules.has_failed_for_days(health, NOW + timedelta(days=5))
    assert not rules.has_failed_for_days(NEW, NOW + timedelta(days=50))


def test_suspects_are_those_that_fail_are_slow_or_are_unknown() -> None:
    quick = Health(target="whe_1", milliseconds=20)

    assert not rules.is_suspect(quick)
    slow = Health(target="whe_1", milliseconds=2000)
    assert all(rules.is_suspect(one) for one in (None, NEW, after(1, quick), slow))


def test_suspects_hold_half_of_the_loops_and_never_all() -> None:
    gate = Gate(suspects_max=2)
    batch = [("quick", False, False), ("slow", True, False)]

    with gate.batch(batch) as first, gate.batch(batch) as second, gate.batch(batch) as third:
        pass
    with gate.batch(batch) as fourth:
        pass

    assert [first, second, third, fourth] == [
        [True, True],
        [True, True],
        [True, False],
        [True, True],
    ]


def test_the_more_calls_wait_for_a_target_the_longer_each_waits() -> None:
    gate, first = Gate(suspects_max=1), []
    for _ in range(50):
        with gate.batch([("slow", True, False)] * 32):
            first.append(gate.turn_seconds("slow"))

    with gate.batch([("slow", False, False)]):
        pass

    assert first[0] < first[1] < first[-1] == 60
    assert gate.turn_seconds("slow") == gate.turn_seconds("other") == 2


def test_a_suspect_is_called_a_few_times_and_on_trial_once() -> None:
    gate = Gate(suspects_max=1)

    with gate.batch([("slow", True, False)] * 9 + [("dead", True, True)] * 3) as admitted:
        pass

    assert admitted == [True] * SUSPECT_CALLS_MAX + [False] * (9 - SUSPECT_CALLS_MAX) + [
        True,
        False,
        False,
    ]
