"""The breaker of a processor: opens after failures in a row, and lets one call try."""

from __future__ import annotations

from typing import Any

import pytest

from application.ports.processor import (
    AmountUnsupported,
    Answer,
    OutcomeUnknown,
    State,
    Unavailable,
)
from infrastructure.processors.breaker import FAILURES_MAX, OPEN_SECONDS, Guarded
from tests.support.processors import NOW, SandboxRig, charge

ANSWER = Answer(state=State.PROCESSING, reference="r-1")


class Other:
    """A processor that fails while it is told to."""

    def __init__(self) -> None:
        self.failure: Exception | None = OutcomeUnknown("timeout")
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        def call(_: object) -> Answer:
            self.calls += 1
            if self.failure is not None:
                raise self.failure
            return ANSWER

        return call


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def guarded() -> tuple[Guarded, Other, Clock]:
    other, clock = Other(), Clock()
    return Guarded(other, clock), other, clock


def fail(processor: Guarded, times: int) -> None:
    for _ in range(times):
        with pytest.raises((OutcomeUnknown, Unavailable)):
            processor.status(charge())


def test_a_processor_that_does_not_answer_is_given_a_rest() -> None:
    processor, other, clock = guarded()
    fail(processor, FAILURES_MAX)

    clock.now = OPEN_SECONDS - 1
    with pytest.raises(Unavailable) as refused:
        processor.begin(charge())

    assert other.calls == FAILURES_MAX
    assert refused.value.after is not None
    assert refused.value.after.total_seconds() == 1


def test_after_the_rest_one_call_tries() -> None:
    processor, other, clock = guarded()
    fail(processor, FAILURES_MAX)
    clock.now = OPEN_SECONDS

    fail(processor, 3)
    tried = other.calls - FAILURES_MAX
    clock.now = 2 * OPEN_SECONDS
    other.failure = None
    answers = [processor.void(charge()), processor.capture(charge())]

    assert tried == 1
    assert answers == [ANSWER, ANSWER]


def test_an_answer_and_a_refused_amount_are_no_failures() -> None:
    processor, other, _ = guarded()
    fail(processor, FAILURES_MAX - 1)
    other.failure = None
    processor.status(charge())
    other.failure = AmountUnsupported("too large")

    for _ in range(FAILURES_MAX + 1):
        with pytest.raises(AmountUnsupported):
            processor.begin(charge())


def test_callbacks_pass_an_open_breaker() -> None:
    rig = SandboxRig()
    processor = Guarded(rig.processor, Clock())
    processor._failures, processor._open_until = FAILURES_MAX, 1e9
    body = rig.captured_callback(charge(), "r-1")

    assert processor.read_callback(rig.sign(body, NOW), body, NOW).key == "att_1"


def test_others_are_told_when_it_opens_and_when_it_closes() -> None:
    other, clock = Other(), Clock()
    told: list[float] = []
    processor = Guarded(other, clock, on_rest=told.append)

    fail(processor, FAILURES_MAX - 1)
    assert told == []
    fail(processor, 1)
    assert told == [OPEN_SECONDS]
    clock.now = OPEN_SECONDS
    other.failure = None
    processor.status(charge())
    processor.status(charge())

    assert told == [OPEN_SECONDS, 0.0]
