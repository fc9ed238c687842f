"""A person resolves, or is told of, a refund whose end the processor does not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.commands.flag_refund import FlagRefund
from application.commands.resolve_refund import ResolveRefund
from domain.payouts.debits import MerchantDebits
from domain.sessions.payment_session import PaymentSession
from tests.application.commands.test_processor_refunds import (
    DEBITS,
    FAIL,
    PAID,
    REFUND,
    REFUND_ID,
    SUCCEED,
    SUCCEEDED,
    refund,
)
from tests.support.attempts import flagged
from tests.support.given import NOBODY, SESSION_ID, Expected, event, given, refused

RESOLVE = ResolveRefund(
    session_id=SESSION_ID,
    refund_id=NOBODY,
    succeeded=True,
    by="ops-1",
    reason="seen in the dashboard",
)
FLAG = FlagRefund(session_id=SESSION_ID, refund_id=NOBODY, reason="no answer\x00")


def resolved(outcome: str) -> Expected:
    facts = {"by": "ops-1", "reason": RESOLVE.reason, "outcome": outcome}
    return event(PaymentSession.RefundResolved, SESSION_ID, refund_id=REFUND_ID, **facts)


def test_a_person_says_that_the_payer_has_the_money_back() -> None:
    scenario = given(*PAID, REFUND).when(RESOLVE)

    scenario.then(resolved("succeeded"), SUCCEEDED)
    scenario.when(SUCCEED).then()


def test_a_person_says_that_nothing_was_given_back() -> None:
    scenario = given(*PAID, REFUND).when(replace(RESOLVE, succeeded=False))

    restored = {"kind": "refund", "subject_id": REFUND_ID, "amount_minor": 400}
    scenario.then(
        event(MerchantDebits.Restored, DEBITS, **restored),
        resolved("failed"),
        refund(PaymentSession.RefundFailed),
    )


def test_a_processor_that_contradicts_the_person_is_flagged() -> None:
    scenario = given(*PAID, REFUND, replace(RESOLVE, succeeded=False)).when(SUCCEED)

    scenario.then(flagged("conflict", status="paid", subject_id=REFUND_ID, reason="after failed"))


@pytest.mark.parametrize(("end", "status"), [(SUCCEED, "succeeded"), (FAIL, "failed")])
def test_a_refund_that_has_ended_needs_nobody(end: object, status: str) -> None:
    scenario = given(*PAID, REFUND, end).when(RESOLVE)  # type: ignore[arg-type]

    scenario.then(refused("refund-ended", refund_id=REFUND_ID, refund_status=status))
    scenario.when(FLAG).then()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"by": ""}, "by"),
        ({"by": "x" * 81}, "by"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": "a\x00"}, "reason"),
    ],
)
def test_who_and_why_must_be_given(change: dict[str, object], name: str) -> None:
    given(*PAID, REFUND).when(replace(RESOLVE, **change)).then_invalid(name)  # type: ignore[arg-type]


def test_a_refund_is_flagged_once_for_a_person() -> None:
    scenario = given(*PAID, REFUND).when(FLAG)

    scenario.then(
        flagged("unresolved", status="paid", subject_id=REFUND_ID, reason="no answer\ufffd")
    )
    scenario.when(FLAG).then()


def test_a_refund_that_does_not_exist_is_not_found() -> None:
    for command in (RESOLVE, FLAG):
        given(*PAID).when(command).then(refused("not-found", thing="refund"))
