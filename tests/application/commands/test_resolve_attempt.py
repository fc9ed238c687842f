"""A person resolves, or is told of, an attempt whose end the processor does not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.commands.flag_session import FlagSession
from application.commands.request_void import RequestVoid
from application.commands.resolve_attempt import ResolveAttempt
from domain.sessions.attempt import AttemptStatus
from domain.sessions.payment_session import PaymentSession
from tests.support.attempts import (
    ATTEMPT,
    ATTEMPT_ID,
    CAPTURE,
    DECLINE,
    STARTED,
    UNKNOWN,
    accepted,
    declined,
    flagged,
    paid,
    suspended,
)
from tests.support.given import SESSION_ID, at, event, given, refused

RESOLVE = ResolveAttempt(
    session_id=SESSION_ID,
    attempt_id=ATTEMPT_ID,
    outcome=AttemptStatus.DECLINED,
    by="ops-1",
    reason="not found at the processor",
)
FLAG = FlagSession(session_id=SESSION_ID, attempt_id=ATTEMPT_ID, reason="no answer in 15 minutes")
REQUEST = RequestVoid(session_id=SESSION_ID, attempt_id=ATTEMPT_ID)


def resolved(outcome: str) -> object:
    facts = {"by": "ops-1", "reason": RESOLVE.reason, "outcome": outcome}
    return event(PaymentSession.Resolved, SESSION_ID, attempt_id=ATTEMPT, **facts)


def test_a_person_ends_an_attempt_with_who_and_why() -> None:
    scenario = given(*STARTED, UNKNOWN).when(RESOLVE)

    scenario.then(resolved("declined"), declined(reason=RESOLVE.reason))  # type: ignore[arg-type]


def test_a_person_finds_out_that_the_money_was_captured() -> None:
    captured = replace(RESOLVE, outcome=AttemptStatus.CAPTURED, reference="ref-1")

    scenario = given(*STARTED, UNKNOWN).when(captured)

    scenario.then(resolved("captured"), accepted(), paid())  # type: ignore[arg-type]
    scenario.when(CAPTURE).then()


def test_money_after_a_persons_no_is_late() -> None:
    scenario = given(*STARTED, UNKNOWN, RESOLVE).when(CAPTURE)

    late = suspended("late", 1000, until=at(86_400))
    scenario.then(late, flagged("late", 1000, status="created"))


def test_an_attempt_that_has_ended_needs_nobody() -> None:
    scenario = given(*STARTED, DECLINE).when(RESOLVE)

    scenario.then(refused("attempt-ended", attempt_id=ATTEMPT, attempt_status="declined"))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"outcome": AttemptStatus.UNKNOWN}, "outcome"),
        ({"by": ""}, "by"),
        ({"by": "x" * 81}, "by"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": "a\x00"}, "reason"),
    ],
)
def test_who_and_why_must_be_given(change: dict[str, object], name: str) -> None:
    given(*STARTED).when(replace(RESOLVE, **change)).then_invalid(name)  # type: ignore[arg-type]


def test_an_attempt_is_flagged_once_for_a_person() -> None:
    scenario = given(*STARTED, UNKNOWN).when(FLAG)

    scenario.then(flagged("unresolved", status="processing", reason=FLAG.reason, reference=ATTEMPT))
    scenario.when(FLAG).then()
    given(*STARTED, DECLINE).when(FLAG).then()


def test_the_processor_is_asked_once_to_void_an_attempt() -> None:
    facts = {"attempt_id": ATTEMPT, "processor": "sandbox", "reason": "another way"}

    scenario = given(*STARTED).when(REQUEST)

    scenario.then(event(PaymentSession.VoidRequested, SESSION_ID, **facts))
    scenario.when(REQUEST).then()
    given(*STARTED, DECLINE).when(REQUEST).then()
