"""What a processor says about an attempt: accepted, captured, declined, voided, and nothing."""

from __future__ import annotations

from dataclasses import replace

from application.commands.expire_session import ExpireSession
from application.commands.receive_suspense import ReceiveSuspense
from domain.money.money import Money
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from domain.wallets.wallet import Wallet
from tests.support.attempts import (
    ACCEPT,
    ATTEMPT,
    ATTEMPT_IDS,
    CAPTURE,
    DECLINE,
    ENABLE,
    EXPIRES_AT,
    HOLDING,
    PREPARED,
    START,
    STARTED,
    UNKNOWN,
    USD,
    VOID,
    accepted,
    capture,
    declined,
    flagged,
    paid,
    return_requested,
    suspended,
)
from tests.support.given import (
    CANCEL,
    CREATE,
    HOLDERS,
    MERCHANT,
    NOBODY,
    OPEN,
    ORDER_ID,
    PAY,
    SCAN,
    SESSION,
    SESSION_ID,
    TOP_UP,
    WALLET_ID,
    Elapsed,
    at,
    event,
    given,
    refused,
)

RELEASED = event(Order.Released, ORDER_ID, session_id=SESSION, reason="expired")
EXPIRED = event(PaymentSession.Expired, SESSION_ID, expires_at=EXPIRES_AT)
HELD_FACTS = {"amount_minor": 1000, "session_id": SESSION, "attempt_id": ATTEMPT, **USD}


def test_the_processors_reference_is_recorded_once() -> None:
    scenario = given(*STARTED).when(ACCEPT)

    scenario.then(accepted())
    scenario.when(ACCEPT).then()
    scenario.when(replace(ACCEPT, reference="ref-2")).then()


def test_a_capture_pays_the_session_once() -> None:
    scenario = given(*STARTED, ACCEPT).when(CAPTURE)

    scenario.then(paid())
    scenario.when(CAPTURE).then()
    assert scenario.subject.status is Status.PAID


def test_a_capture_that_overtakes_the_acceptance_records_the_reference_too() -> None:
    scenario = given(*STARTED).when(CAPTURE)

    scenario.then(accepted(), paid())
    scenario.when(ACCEPT).then()


def test_a_capture_after_the_deadline_is_in_time_if_the_processor_was_asked_before() -> None:
    scenario = given(*STARTED, ACCEPT, Elapsed(1000)).when(CAPTURE)

    scenario.then(paid())
    assert scenario.subject.flags == ()


def test_held_money_is_captured_with_the_payment() -> None:
    scenario = given(*HOLDING, ACCEPT).when(CAPTURE)

    captured = {"amount_minor": 1000, "session_id": SESSION, "source": "held", **USD}
    payee = {"merchant_id": MERCHANT, "merchant_name": "Cafe"}
    scenario.then(event(Wallet.Captured, WALLET_ID, **captured, **payee), paid(held=True))


def test_held_money_is_released_when_the_processor_says_no() -> None:
    scenario = given(*HOLDING, ACCEPT).when(DECLINE)

    scenario.then(event(Wallet.Released, WALLET_ID, **HELD_FACTS), declined(held=True))
    scenario.when(PAY)
    assert scenario.subject.status is Status.PAID


def test_held_money_is_not_captured_for_another_amount() -> None:
    scenario = given(*HOLDING, ACCEPT).when(capture(1001))

    released = event(Wallet.Released, WALLET_ID, **HELD_FACTS)
    scenario.then(
        released, declined("voided", reason="", held=True), flagged("conflict", status="scanned")
    )
    scenario.when(capture(1001)).then()


def test_a_declined_attempt_leaves_the_session_open_for_the_next() -> None:
    scenario = given(*STARTED, ACCEPT).when(DECLINE)

    scenario.then(declined())
    scenario.when(DECLINE).then()
    scenario.when(VOID).then()
    scenario.when(replace(START, attempt_id=ATTEMPT_IDS[1]))
    assert scenario.subject.status is Status.PROCESSING


def test_a_decline_after_the_deadline_expires_the_session() -> None:
    scenario = given(*STARTED, Elapsed(900)).when(DECLINE)

    scenario.then(RELEASED, declined(), EXPIRED)


def test_a_void_after_the_deadline_expires_the_session() -> None:
    scenario = given(*STARTED, Elapsed(900)).when(VOID)

    scenario.then(RELEASED, declined("voided", reason=""), EXPIRED)


def test_the_fifth_attempt_without_a_payment_fails_the_session() -> None:
    steps = []
    for number in ATTEMPT_IDS[1:5]:
        steps += [replace(START, attempt_id=number), replace(DECLINE, attempt_id=number)]

    scenario = given(*PREPARED, *steps, START).when(DECLINE)

    scenario.then(
        event(Order.Released, ORDER_ID, session_id=SESSION, reason="failed"),
        declined(),
        event(PaymentSession.Failed, SESSION_ID, attempts=5),
    )
    scenario.when(replace(START, attempt_id=ATTEMPT_IDS[5])).then(
        refused("session-not-payable", session_id=SESSION, session_status="failed")
    )


def test_a_processing_session_is_neither_expired_nor_cancelled() -> None:
    scenario = given(*STARTED, Elapsed(1000)).when(ExpireSession(session_id=SESSION_ID))

    scenario.then()
    assert scenario.subject.status_at(scenario.log.now()) is Status.PROCESSING
    scenario.when(CANCEL).then(
        refused("payment-in-flight", session_id=SESSION, processor="sandbox")
    )
    other = replace(CREATE, session_id=NOBODY)
    scenario.when(other).then(refused("order-open", order_id="A-1", session_id=SESSION))


def test_silence_is_recorded_three_times_and_ends_nothing() -> None:
    unanswered = event(
        PaymentSession.Unanswered, SESSION_ID, attempt_id=ATTEMPT, processor="sandbox"
    )
    scenario = given(*STARTED)

    for _ in range(3):
        scenario.when(UNKNOWN).then(unanswered)
        scenario.when(UNKNOWN).then()
        scenario.when(ACCEPT).then(accepted())
    scenario.when(UNKNOWN).then()
    assert scenario.subject.status is Status.PROCESSING
    scenario.when(CAPTURE).then(paid())


def test_too_little_is_returned_and_the_session_is_open_again() -> None:
    scenario = given(*STARTED, ACCEPT).when(capture(999))

    suspense = (suspended("under", 999, until=at(0)), return_requested(999))
    scenario.then(*suspense, flagged("under", 999, status="created"))
    assert scenario.subject.status is Status.CREATED
    scenario.when(capture(999)).then()


def test_too_little_after_the_deadline_expires_the_session() -> None:
    scenario = given(*STARTED, ACCEPT, Elapsed(900)).when(capture(999))

    suspense = (suspended("under", 999, until=at(900)), return_requested(999))
    scenario.then(*suspense, RELEASED, flagged("under", 999, status="created"), EXPIRED)


def test_too_much_pays_and_the_excess_is_returned() -> None:
    scenario = given(*STARTED, ACCEPT).when(capture(1300))

    suspense = (suspended("over", 300, until=at(0)), return_requested(300))
    scenario.then(*suspense, paid(), flagged("over", 1300, status="paid"))
    scenario.when(capture(1300)).then()


def test_another_currency_is_returned_as_a_conflict() -> None:
    scenario = given(*STARTED, ACCEPT).when(capture(1000, "JPY"))

    yen = {"currency": "JPY", "exponent": 0}
    suspense = (suspended("conflict", 1000, until=at(0), **yen), return_requested(1000, **yen))
    scenario.then(*suspense, flagged("conflict", 1000, status="created", **yen))
    assert scenario.subject.status is Status.CREATED


def test_money_after_a_decline_is_late_and_can_be_accepted_for_a_day() -> None:
    scenario = given(*STARTED, ACCEPT, DECLINE).when(CAPTURE)

    scenario.then(
        suspended("late", 1000, until=at(86_400)), flagged("late", 1000, status="created")
    )
    scenario.when(CAPTURE).then()


def test_late_money_is_returned_at_once_by_policy_or_if_it_is_not_the_amount() -> None:
    scenario = given(*STARTED, DECLINE).when(replace(CAPTURE, accept_seconds=0))
    suspense = (suspended("late", 1000, until=at(0)), return_requested(1000))
    scenario.then(*suspense, flagged("late", 1000, status="created"))

    scenario = given(*STARTED, DECLINE).when(capture(999))
    suspense = (suspended("late", 999, until=at(0)), return_requested(999))
    scenario.then(*suspense, flagged("late", 999, status="created"))


def test_money_for_a_session_that_is_paid_is_a_duplicate() -> None:
    paid_otherwise = (*HOLDERS, ENABLE, OPEN, TOP_UP, CREATE, START, DECLINE, SCAN, PAY)

    scenario = given(*paid_otherwise).when(CAPTURE)

    suspense = (suspended("duplicate", 1000, until=at(0)), return_requested(1000))
    scenario.then(*suspense, flagged("duplicate", 1000, status="paid"))


def test_a_second_capture_of_one_attempt_is_a_duplicate() -> None:
    scenario = given(*STARTED, CAPTURE).when(capture(1000, reference="ref-2"))

    kinds = [recorded.topic for recorded in scenario.log.events[-3:]]
    assert kinds == ["suspense.received", "suspense.return_requested", "payment_session.flagged"]
    assert scenario.subject.flags == ("duplicate",)
    scenario.when(capture(1000, reference="ref-2")).then()


def test_contradictions_are_flagged_once_and_change_nothing() -> None:
    scenario = given(*STARTED, CAPTURE).when(DECLINE)

    scenario.then(flagged("conflict", status="paid", reason="card_declined"))
    scenario.when(DECLINE).then()
    scenario.when(VOID).then()
    scenario.when(capture(999)).then()
    assert scenario.subject.status is Status.PAID


def test_money_that_is_in_suspense_already_is_not_counted_twice() -> None:
    unmatched = ReceiveSuspense(processor="sandbox", reference="ref-1", money=Money(1000, "USD"))

    scenario = given(*STARTED, unmatched).when(CAPTURE)

    scenario.then(flagged("conflict", status="processing"))
    assert scenario.subject.status is Status.PROCESSING


def test_an_amount_out_of_range_or_without_a_currency_is_refused() -> None:
    given(*STARTED).when(capture(0)).then_invalid("money.minor")
    given(*STARTED).when(capture(10**12)).then_invalid("money.minor")
    given(*STARTED).when(capture(1, "ZZZ")).then_invalid("money.currency")


def test_texts_of_processors_are_made_storable_and_short() -> None:
    hostile = replace(DECLINE, reason="no\x00\u2028" + "x" * 500)

    scenario = given(*STARTED).when(hostile)

    scenario.then(declined(reason="no\ufffd\ufffd" + "x" * 196))
