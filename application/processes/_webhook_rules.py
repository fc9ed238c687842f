"""When a webhook is attempted again, and when its target is left alone: pure rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from application.ports.webhook_sender import Answer, Sent
from application.ports.webhooks import Health

SCHEDULE: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""The longest wait before each attempt (Standard Webhooks 1.0.0): 75.6 hours in all."""
ATTEMPTS_MAX: Final = len(SCHEDULE)
SCHEDULE_MAX: Final = sum(SCHEDULE, timedelta(0))
"""A delivery that waits longer because its target is failing is parked, too."""
BREAKER_FAILURES: Final = 5
"""After so many failures in a row a target is called once in a while only."""
BREAK_FIRST: Final = timedelta(seconds=30)
BREAK_MAX: Final = timedelta(minutes=15)
THROTTLE_MAX: Final = timedelta(hours=1)
"""The longest `Retry-After` that holds for a whole target; one delivery waits up to a day."""
THROTTLED: Final = frozenset({429, 502, 503, 504})
FAILING_MAX: Final = timedelta(days=5)
"""An endpoint that has failed for so long is disabled."""
GONE: Final = 410
SLOW_MILLISECONDS: Final = 2000

Uniform = Callable[[float, float], float]


class Verdict(NamedTuple):
    """What one attempt means."""

    delivered: bool
    gone: bool = False
    reason: str = ""
    retry_after: timedelta = timedelta(0)
    throttles: bool = False
    """Whether every call to the target waits for `retry_after`."""


def judge(sent: Sent) -> Verdict:
    """Judge what came of a call: 2xx alone is a success."""
    if not isinstance(sent, Answer):
        return Verdict(delivered=False, reason=sent.reason)
    if 200 <= sent.status <= 299:  # noqa: PLR2004 - the class of statuses
        return Verdict(delivered=True)
    if 300 <= sent.status <= 399:  # noqa: PLR2004 - the class of statuses
        return Verdict(delivered=False, reason=f"answered {sent.status}; redirects are failures")
    return Verdict(
        delivered=False,
        gone=sent.status == GONE,
        reason=f"answered {sent.status}",
        retry_after=timedelta(seconds=min(sent.retry_after_seconds or 0, 86_400)),
        throttles=sent.status in THROTTLED,
    )


def wait_before(attempt: int, verdict: Verdict, uniform: Uniform) -> timedelta:
    """The wait before an attempt, with full jitter, at least what the receiver asked for.

    Args:
        attempt: its number, from 1; the first one waits for nothing.
        verdict: of the attempt before it.
        uniform: a random number between two.
    """
    longest = SCHEDULE[min(attempt, ATTEMPTS_MAX) - 1].total_seconds()
    return max(timedelta(seconds=uniform(0, longest)), verdict.retry_after)


def after_call(health: Health, verdict: Verdict, milliseconds: int, now: datetime) -> Health:
    """The health of a target after a call."""
    if verdict.delivered:
        return Health(target=health.target, milliseconds=milliseconds)
    failures = health.failures + 1
    pause = timedelta(0)
    if failures >= BREAKER_FAILURES:
        pause = min(BREAK_FIRST * (1 << min(failures - BREAKER_FAILURES, 8)), BREAK_MAX)
    if verdict.throttles:
        pause = max(pause, min(verdict.retry_after, THROTTLE_MAX))
    return replace(
        health,
        failures=failures,
        failing_since=health.failing_since or now,
        closed_until=now + pause if pause else None,
        milliseconds=milliseconds,
    )


def deferred(health: Health, now: datetime, uniform: Uniform) -> timedelta | None:
    """How long a call has to wait because of its target's health; None: it may be made."""
    if health.closed_until is None or now >= health.closed_until:
        return None
    spread = min(BREAK_FIRST, health.closed_until - now).total_seconds()
    return health.closed_until - now + timedelta(seconds=uniform(0, spread))


def has_failed_for_days(health: Health, now: datetime) -> bool:
    """Whether an endpoint is to be disabled."""
    return health.failing_since is not None and now - health.failing_since >= FAILING_MAX


def is_suspect(health: Health | None) -> bool:
    """Whether calls to a target may well take long: it fails, is slow, or is unknown."""
    if health is None or health.milliseconds is None:
        return True
    return health.failures > 0 or health.milliseconds >= SLOW_MILLISECONDS
