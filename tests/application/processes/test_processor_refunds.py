"""Refunds and returned money through the processor: once, and recorded as it says."""

from __future__ import annotations

from uuid import UUID

import pytest

from application.commands.refund_session import RefundSession
from application.ports.processor import Answer, RefundOrder, State
from domain import ids
from domain.money.money import Money
from domain.payouts.debits import Credits
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


def test_a_refund_without_an_answer_stays_pending() -> None:
    payers, session_id = paid()
    refund(payers, session_id, 166)

    payers.run(3600, step=60)

    assert payers.topics(session_id)[-1] == "refund.requested"


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
