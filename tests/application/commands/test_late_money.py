"""Money in suspense: accepted by the merchant in time, or returned."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from application.commands.expire_session import ExpireSession
from application.commands.receive_suspense import ReceiveSuspense
from application.commands.request_suspense_return import RequestSuspenseReturn
from application.commands.return_suspense import ReturnSuspense
from domain.money.money import Money
from domain.processors.suspense import Suspense
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from tests.support.attempts import (
    ACCEPT_LATE,
    ATTEMPT_IDS,
    CAPTURE,
    DECLINE,
    PREPARED,
    START,
    STARTED,
    SUSPENSE,
    SUSPENSE_ID,
    USD,
    VOID,
    capture,
    paid,
    return_requested,
    suspended,
)
from tests.support.given import (
    CANCEL,
    CREATE,
    MERCHANT,
    NOBODY,
    ORDER_ID,
    SESSION,
    SESSION_ID,
    Elapsed,
    at,
    event,
    given,
    refused,
)

EXPIRE = ExpireSession(session_id=SESSION_ID)
LATE = (*STARTED, VOID, Elapsed(900), EXPIRE, CAPTURE)
"""The session has expired, and its money arrives a moment later."""
OTHER_ID = UUID("01890a5d-ac96-774b-bcce-b302000000aa")
RETURN = ReturnSuspense(suspense_id=SUSPENSE_ID)
REQUEST = RequestSuspenseReturn(suspense_id=SUSPENSE_ID)
UNMATCHED = ReceiveSuspense(processor="sandbox", reference="ref-1", money=Money(700, "USD"))
DAY = 86_400


def entry_accepted(*, order_opened: bool) -> object:
    return event(
        Suspense.Accepted,
        SUSPENSE_ID,
        session_id=SESSION,
        order_opened=order_opened,
        processor="sandbox",
        amount_minor=1000,
        **USD,
    )


def returned(minor: int) -> object:
    return event(Suspense.Returned, SUSPENSE_ID, processor="sandbox", amount_minor=minor, **USD)


def test_accepted_late_money_pays_the_session_and_takes_the_order_again() -> None:
    scenario = given(*LATE).when(ACCEPT_LATE)

    opened = {"merchant_id": MERCHANT, "order_id": "A-1", "session_id": SESSION}
    scenario.then(
        event(Order.Opened, ORDER_ID, **opened),
        entry_accepted(order_opened=True),  # type: ignore[arg-type]
        paid(),
    )
    assert (scenario.subject.status, scenario.subject.flags) == (Status.PAID, ("late",))
    scenario.when(ACCEPT_LATE).then()


def test_a_session_that_is_still_open_has_its_order_already() -> None:
    scenario = given(*STARTED, DECLINE, CAPTURE).when(ACCEPT_LATE)

    scenario.then(entry_accepted(order_opened=False), paid())  # type: ignore[arg-type]


def test_late_money_of_a_cancelled_session_can_be_accepted() -> None:
    scenario = given(*STARTED, DECLINE, CANCEL, CAPTURE).when(ACCEPT_LATE)

    assert scenario.subject.status is Status.PAID


def test_late_money_is_not_accepted_once_its_day_is_over() -> None:
    nothing = refused("nothing-to-accept", session_id=SESSION)

    given(*LATE, Elapsed(DAY)).when(ACCEPT_LATE).then(nothing)
    given(*LATE, Elapsed(DAY), REQUEST).when(ACCEPT_LATE).then(nothing)
    given(*STARTED, DECLINE).when(ACCEPT_LATE).then(nothing)
    given(*STARTED, DECLINE, capture(999)).when(ACCEPT_LATE).then(nothing)


def test_late_money_waits_for_an_attempt_that_is_under_way() -> None:
    other = replace(START, attempt_id=ATTEMPT_IDS[1])

    scenario = given(*STARTED, DECLINE, CAPTURE, other).when(ACCEPT_LATE)

    scenario.then(refused("payment-in-flight", session_id=SESSION, processor="sandbox"))


def test_an_order_that_another_session_has_is_not_taken() -> None:
    other = replace(CREATE, session_id=OTHER_ID)

    scenario = given(*LATE, other).when(ACCEPT_LATE)

    assert scenario.result.code == "order-open"  # type: ignore[union-attr]
    paid_by_other = (
        replace(START, session_id=OTHER_ID),
        replace(CAPTURE, session_id=OTHER_ID, reference="x"),
    )
    scenario = given(*LATE, other, *paid_by_other).when(ACCEPT_LATE)
    assert scenario.result.code == "order-paid"  # type: ignore[union-attr]
    scenario = given(*LATE, other, Elapsed(900)).when(ACCEPT_LATE)
    assert scenario.subject.status is Status.PAID


def test_a_session_that_was_paid_in_another_way_accepts_nothing() -> None:
    other = ATTEMPT_IDS[1]
    steps = (
        replace(START, attempt_id=other),
        replace(CAPTURE, attempt_id=other, reference="ref-2"),
    )

    scenario = given(*STARTED, DECLINE, CAPTURE, *steps).when(ACCEPT_LATE)

    scenario.then(refused("order-paid", order_id="A-1", session_id=SESSION))


def test_another_merchants_late_money_is_not_found() -> None:
    scenario = given(*LATE).when(replace(ACCEPT_LATE, merchant_id=NOBODY))

    scenario.then(refused("not-found", thing="payment session"))


def test_money_goes_back_after_a_day_and_once() -> None:
    until = at(900 + DAY)
    scenario = given(*LATE)

    scenario.when(REQUEST).then(
        refused("suspense-not-due", suspense_id=SUSPENSE, accept_until=until)
    )
    scenario.when(RETURN).then(
        refused("suspense-closed", suspense_id=SUSPENSE, suspense_status="received")
    )
    scenario.run(Elapsed(DAY))
    scenario.when(REQUEST).then(return_requested(1000))
    scenario.when(REQUEST).then()
    scenario.when(RETURN).then(returned(1000))  # type: ignore[arg-type]
    scenario.when(RETURN).then()
    scenario.when(CAPTURE).then()


def test_accepted_money_is_not_returned() -> None:
    scenario = given(*LATE, ACCEPT_LATE, Elapsed(DAY))

    scenario.when(REQUEST).then()
    scenario.when(RETURN).then(
        refused("suspense-closed", suspense_id=SUSPENSE, suspense_status="accepted")
    )


def test_unmatched_money_is_in_suspense_once_and_to_be_returned() -> None:
    scenario = given(*PREPARED).when(UNMATCHED)

    nobody = {"session_id": None, "attempt_id": None, "merchant_id": None}
    scenario.then(suspended("unmatched", 700, until=at(0), **nobody), return_requested(700))
    scenario.when(UNMATCHED).then()


def test_unmatched_money_needs_a_processor_a_reference_and_an_amount() -> None:
    given().when(replace(UNMATCHED, processor="A:b")).then_invalid("processor")
    given().when(replace(UNMATCHED, reference="")).then_invalid("reference")
    given().when(replace(UNMATCHED, reference="a\x00")).then_invalid("reference")
    given().when(replace(UNMATCHED, reference="x" * 121)).then_invalid("reference")
    given().when(replace(UNMATCHED, money=Money(0, "USD"))).then_invalid("amount.minor")
    given().when(replace(UNMATCHED, money=Money(1, "ZZZ"))).then_invalid("amount.currency")


def test_a_missing_entry_is_not_found() -> None:
    for command in (REQUEST, RETURN):
        given().when(command).then(refused("not-found", thing="suspense entry"))


def test_money_that_arrives_for_a_paid_session_after_acceptance_is_a_duplicate() -> None:
    scenario = given(*LATE, ACCEPT_LATE).when(capture(1000, reference="ref-2"))

    assert scenario.subject.flags == ("late", "duplicate")
    assert scenario.log.events[-1].topic == PaymentSession.Flagged.TOPIC
