"""Refunds and returned money through the processor: once, and recorded as it says."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from application.commands.refund_session import RefundSession
from application.commands.resolve_refund import ResolveRefund
from application.event_log import history
from application.ports.processor import (
    Answer,
    Charge,
    NeedsPerson,
    OutcomeUnknown,
    RefundOrder,
    State,
    Unavailable,
)
from domain import ids
from domain.money.money import Money
from domain.payouts.debits import Credits
from domain.sessions.refund import RefundStatus
from infrastructure.processors.sandbox import Sandbox
from tests.support.payments import Payers
from tests.support.task_fixture import STEPS


def paid(sandbox: str = "approves") -> tuple[Payers, UUID]:
    payers = Payers()
    session_id = payers.start(sandbox=sandbox)
    payers.run(130)
    return payers, session_id


def refund(payers: Payers, session_id: UUID, minor: int) -> UUID:
    refund_id = payers.ledger.new_id()
    payers.ledger.send(
        RefundSession(
            refund_id=refund_id,
            session_id=session_id,
            merchant_id=ids.decode("mer", payers.ledger.merchant),
            amount=Money(minor, "USD"),
            credits=Credits(position=payers.log.head(), minor=1200),
            credits_are_current=True,
        )
    )
    return refund_id


def returned(payers: Payers) -> int:
    return sum(row.minor for row in payers.charges.rows if row.state == "refunded")


@pytest.mark.parametrize(
    ("minor", "topic"),
    [(500, "refund.succeeded"), (161, "refund.failed"), (163, "refund.succeeded"), (165, "refund.succeeded")],
)  # fmt: skip
@pytest.mark.parametrize("step", ["", *STEPS])
def test_a_refund_goes_back_through_the_processor_once(minor: int, topic: str, step: str) -> None:
    payers, session_id = paid()
    refund(payers, session_id, minor)

    payers.run(600, step=10, kill_at=step)

    topics = payers.topics(session_id)
    assert topics.count(topic) == 1
    assert topics[-1] == topic
    assert returned(payers) == (minor if topic == "refund.succeeded" else 0)


def flags(payers: Payers, session_id: UUID) -> list[Any]:
    """Each flag of the session, with its time in seconds after the first event."""
    events = list(history(payers.log, session_id))
    requested = next(one for one in events if one.topic == "refund.requested").recorded_at
    return [
        (one.event.flag, one.event.subject_id, (one.recorded_at - requested).total_seconds())  # type: ignore[attr-defined]
        for one in events
        if one.topic == "payment_session.flagged"
    ]


def test_a_refund_without_an_answer_is_flagged_for_a_person_after_15_minutes() -> None:
    payers, session_id = paid()
    refund_id = refund(payers, session_id, 166)

    payers.run(890, step=10)
    assert flags(payers, session_id) == []
    payers.run(86_400, step=600)

    [(flag, subject, seconds)] = flags(payers, session_id)
    assert (flag, subject) == ("unresolved", ids.encode("ref", refund_id))
    assert 900 <= seconds <= 1800
    session = payers.session(session_id)
    assert session.refunds[subject].status is RefundStatus.PENDING
    assert payers.parked == []


class Silent(Sandbox):
    """The sandbox, but it does not answer, or not as it should."""

    error: Exception | None = None
    answer: Answer | None = None
    asked = 0

    def status(self, asked: Charge | RefundOrder) -> Answer:
        if isinstance(asked, Charge):
            return super().status(asked)
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.answer or super().status(asked)


def silent(payers: Payers) -> Silent:
    payers.sandbox.__class__ = Silent
    sandbox: Any = payers.sandbox
    return sandbox  # type: ignore[no-any-return]


def test_a_flagged_refund_ends_by_itself_when_the_processor_answers_again() -> None:
    payers, session_id = paid()
    sandbox = silent(payers)
    sandbox.error = Unavailable("away")
    refund(payers, session_id, 500)
    payers.run(7200, step=60)
    assert [flag for flag, _, _ in flags(payers, session_id)] == ["unresolved"]

    sandbox.error = None
    payers.run(7200, step=60)

    assert payers.topics(session_id)[-1] == "refund.succeeded"
    assert returned(payers) == 500


def test_a_refund_whose_call_must_not_be_repeated_is_flagged_at_once() -> None:
    payers, session_id = paid()
    silent(payers).error = NeedsPerson("the key is forgotten")
    refund(payers, session_id, 500)

    payers.run()

    assert [flag for flag, _, _ in flags(payers, session_id)] == ["unresolved"]
    assert returned(payers) == 0


def test_a_refund_that_the_processor_works_on_is_flagged_after_30_days_and_asked_for_daily() -> (
    None
):
    payers, session_id = paid()
    sandbox = silent(payers)
    sandbox.answer = Answer(state=State.PROCESSING)
    refund(payers, session_id, 500)

    payers.run(86_400, step=600)
    assert flags(payers, session_id) == []
    assert sandbox.asked < 20
    sandbox.error = OutcomeUnknown("once")
    payers.run(600, step=60)
    sandbox.error = None
    payers.run(30 * 86_400, step=1800)

    [(flag, _, seconds)] = flags(payers, session_id)
    assert flag == "unresolved"
    assert seconds >= 30 * 86_400
    assert sandbox.asked < 60
    sandbox.answer = None
    payers.run(86_400, step=3600)
    assert payers.topics(session_id)[-1] == "refund.succeeded"


def test_a_refund_that_a_person_has_ended_is_not_asked_for_any_more() -> None:
    payers, session_id = paid()
    sandbox = silent(payers)
    sandbox.error = Unavailable("away")
    refund_id = refund(payers, session_id, 500)
    payers.run(1800, step=60)

    payers.ledger.send(
        ResolveRefund(
            session_id=session_id, refund_id=refund_id, succeeded=False, by="ops", reason="asked"
        )
    )
    sandbox.error = None
    payers.run(7200, step=600)

    assert payers.topics(session_id)[-3:] == [
        "payment_session.flagged", "refund.resolved", "refund.failed",
    ]  # fmt: skip
    assert returned(payers) == 0


@pytest.mark.parametrize(
    "name", ["takes_more", "takes_less", "other_currency", "captures_when_voided"]
)
def test_money_in_suspense_is_returned(name: str) -> None:
    payers, session_id = paid(name)
    payers.run(900 + 86_400 + 3600, step=600)

    [entry] = [row for row in payers.charges.rows if row.charge_key]

    assert entry.state == "refunded"
    assert entry.minor == {"takes_more": 100, "takes_less": 1199}.get(name, 1200)
    assert payers.session(session_id).flags


class Declining(Sandbox):
    """The sandbox, but nothing is given back."""

    def refund(self, order: RefundOrder) -> Answer:
        return Answer(state=State.DECLINED, reason="closed")


def test_a_return_that_the_processor_declines_waits_for_a_person() -> None:
    payers = Payers()
    payers.sandbox.__class__ = Declining
    payers.start(sandbox="takes_less")

    payers.run(60)

    assert [key.split()[0] for key in payers.parked] == ["return"]
