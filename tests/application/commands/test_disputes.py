"""Disputes: never refused, borne by the merchant as far as the payment is not returned yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from application.commands.close_dispute import CloseDispute
from application.commands.open_dispute import OpenDispute
from application.commands.refund_session import RefundSession
from domain import ids
from domain.money.money import Money
from domain.payouts.debits import Credits, MerchantDebits
from domain.sessions.payment_session import PaymentSession
from tests.support.attempts import ATTEMPT, CAPTURE, STARTED, USD
from tests.support.given import (
    CREATE,
    HOLDERS,
    MERCHANT,
    MERCHANT_ID,
    OPEN,
    PAY,
    SCAN,
    SESSION,
    SESSION_ID,
    TOP_UP,
    Expected,
    event,
    given,
    refused,
)

PAID = (*STARTED, CAPTURE)
DEBITS = MerchantDebits.stream_id(MERCHANT_ID, "USD")
DISPUTE = ids.encode("dsp", ids.derive("dispute", SESSION_ID.bytes, "dp-1"))
DISPUTED = OpenDispute(
    session_id=SESSION_ID, reference="dp-1", money=Money(1000, "USD"), reason="fraud"
)
WON = CloseDispute(session_id=SESSION_ID, reference="dp-1", money=Money(1000, "USD"), won=True)
LOST = replace(WON, won=False)
REFUND = RefundSession(
    refund_id=SESSION_ID,
    session_id=SESSION_ID,
    merchant_id=MERCHANT_ID,
    amount=Money(400, "USD"),
    credits=Credits(1000, 7),
    credits_are_current=True,
)


def opened_debits() -> Expected:
    return event(MerchantDebits.Opened, DEBITS, merchant_id=MERCHANT, **USD)


def debited(minor: int) -> Expected:
    covered_by = {"credits_minor": 0, "credits_position": 0}
    facts = {"kind": "dispute", "subject_id": DISPUTE, "amount_minor": minor}
    return event(MerchantDebits.Debited, DEBITS, **facts, **covered_by)


def restored(minor: int) -> Expected:
    facts = {"kind": "dispute", "subject_id": DISPUTE, "amount_minor": minor}
    return event(MerchantDebits.Restored, DEBITS, **facts)


def dispute(kind: type[Any], *, merchant_minor: int, disputed_minor: int, reason: str) -> Expected:
    return event(
        kind,
        SESSION_ID,
        dispute_id=DISPUTE,
        reference="dp-1",
        processor="sandbox",
        attempt_id=ATTEMPT,
        merchant_id=MERCHANT,
        amount_minor=1000,
        merchant_minor=merchant_minor,
        reason=reason,
        disputed_minor=disputed_minor,
        **USD,
    )


OPENED = dispute(
    PaymentSession.DisputeOpened, merchant_minor=1000, disputed_minor=1000, reason="fraud"
)


def test_a_dispute_debits_the_merchant_whether_it_is_covered_or_not() -> None:
    scenario = given(*PAID).when(DISPUTED)

    scenario.then(opened_debits(), debited(1000), OPENED)
    scenario.when(DISPUTED).then()


def test_a_won_dispute_restores_the_debit_once() -> None:
    won = dispute(PaymentSession.DisputeWon, merchant_minor=1000, disputed_minor=0, reason="fraud")

    scenario = given(*PAID, DISPUTED).when(WON)

    scenario.then(restored(1000), won)
    for late in (WON, LOST, DISPUTED):
        scenario.when(late).then()


def test_a_lost_dispute_changes_no_money() -> None:
    lost = dispute(
        PaymentSession.DisputeLost, merchant_minor=1000, disputed_minor=1000, reason="fraud"
    )

    scenario = given(*PAID, DISPUTED).when(LOST)

    scenario.then(lost)
    scenario.when(LOST).then()
    scenario.when(WON).then()


def test_a_decision_that_overtakes_the_dispute_records_both() -> None:
    opened = dispute(
        PaymentSession.DisputeOpened, merchant_minor=1000, disputed_minor=1000, reason=""
    )
    won = dispute(PaymentSession.DisputeWon, merchant_minor=1000, disputed_minor=0, reason="")

    scenario = given(*PAID).when(WON)

    scenario.then(opened_debits(), debited(1000), restored(1000), opened, won)
    scenario.when(DISPUTED).then()


def test_the_merchant_bears_only_what_it_has_not_returned() -> None:
    scenario = given(*PAID, REFUND).when(DISPUTED)

    opened = dispute(
        PaymentSession.DisputeOpened, merchant_minor=600, disputed_minor=600, reason="fraud"
    )
    scenario.then(debited(600), opened)


def test_what_is_disputed_cannot_be_refunded() -> None:
    scenario = given(*PAID, replace(DISPUTED, money=Money(700, "USD"))).when(REFUND)

    facts = {"paid_minor": 1000, "refunded_minor": 700, "currency": "USD"}
    scenario.then(refused("refund-exceeds-paid", session_id=SESSION, **facts))


def test_only_a_processors_payment_is_disputed_in_its_currency() -> None:
    unpaid = refused("session-not-paid", session_id=SESSION, session_status="processing")
    given(*STARTED).when(DISPUTED).then(unpaid)
    by_wallet = given(*HOLDERS, OPEN, TOP_UP, CREATE, SCAN, PAY).when(DISPUTED)
    by_wallet.then(refused("session-not-paid", session_id=SESSION, session_status="paid"))
    given(*PAID).when(replace(DISPUTED, money=Money(1, "EUR"))).then_invalid("amount.currency")
    given(*PAID).when(replace(DISPUTED, money=Money(0, "USD"))).then_invalid("amount.minor")
    given().when(DISPUTED).then(refused("not-found", thing="payment session"))


def test_a_session_has_at_most_25_disputes() -> None:
    many = [replace(DISPUTED, reference=f"dp-{number}") for number in range(25)]

    scenario = given(*PAID, *many).when(replace(DISPUTED, reference="one more"))

    scenario.then(refused("disputes-exhausted", session_id=SESSION, disputes_max=25))
