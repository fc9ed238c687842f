"""Refunds of what a processor took: set aside, then carried out by the processor, or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from application.commands.fail_refund import FailRefund
from application.commands.refund_session import RefundSession
from application.commands.succeed_refund import SucceedRefund
from domain import ids
from domain.money.money import Money
from domain.payouts.debits import Credits, MerchantDebits
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import RefundStatus
from domain.wallets.wallet import Wallet
from tests.support.attempts import (
    ACCEPT,
    CAPTURE,
    HOLDING,
    STARTED,
    USD,
    flagged,
)
from tests.support.given import (
    MERCHANT,
    MERCHANT_ID,
    NOBODY,
    SESSION_ID,
    Expected,
    event,
    given,
    refused,
)

PAID = (*STARTED, ACCEPT, CAPTURE)
DEBITS = MerchantDebits.stream_id(MERCHANT_ID, "USD")
REFUND_ID = ids.encode("ref", NOBODY)
REFUND = RefundSession(
    refund_id=NOBODY,
    session_id=SESSION_ID,
    merchant_id=MERCHANT_ID,
    amount=Money(400, "USD"),
    reason="cold",
    credits=Credits(1000, 6),
    credits_are_current=True,
)
SUCCEED = SucceedRefund(session_id=SESSION_ID, refund_id=NOBODY)
FAIL = FailRefund(session_id=SESSION_ID, refund_id=NOBODY)


def refund(kind: type[Any], **facts: Any) -> Expected:
    return event(
        kind,
        SESSION_ID,
        refund_id=REFUND_ID,
        merchant_id=MERCHANT,
        wallet_id=None,
        processor="sandbox",
        amount_minor=400,
        fee_returned_minor=0,
        credited_minor=400,
        payer_currency="USD",
        payer_exponent=2,
        spread_returned_minor=0,
        reason="cold",
        **USD,
        **facts,
    )


REQUESTED = refund(PaymentSession.RefundRequested)
SUCCEEDED = refund(PaymentSession.RefundSucceeded, reserved=True, refunded_minor=400)


def test_a_refund_of_processor_money_is_requested_and_the_merchant_debited() -> None:
    scenario = given(*PAID).when(REFUND)

    debit = {"kind": "refund", "subject_id": REFUND_ID, "amount_minor": 400}
    scenario.then(
        event(MerchantDebits.Opened, DEBITS, merchant_id=MERCHANT, **USD),
        event(MerchantDebits.Debited, DEBITS, credits_minor=1000, credits_position=6, **debit),
        REQUESTED,
    )
    assert scenario.subject.refunds[REFUND_ID].status is RefundStatus.PENDING


def test_the_processor_carries_it_out_once() -> None:
    scenario = given(*PAID, REFUND).when(SUCCEED)

    scenario.then(SUCCEEDED)
    scenario.when(SUCCEED).then()
    assert scenario.subject.refunded_minor == 400


def test_a_refund_that_failed_is_the_merchants_again_and_counts_no_more() -> None:
    scenario = given(*PAID, REFUND).when(FAIL)

    restored = {"kind": "refund", "subject_id": REFUND_ID, "amount_minor": 400}
    scenario.then(
        event(MerchantDebits.Restored, DEBITS, **restored), refund(PaymentSession.RefundFailed)
    )
    scenario.when(FAIL).then()
    whole = replace(REFUND, refund_id=SESSION_ID, amount=Money(1000, "USD"))
    scenario.when(whole)
    assert len(scenario.subject.refunds) == 2


def test_a_processor_that_contradicts_itself_is_flagged_once() -> None:
    scenario = given(*PAID, REFUND, SUCCEED).when(FAIL)

    scenario.then(
        flagged("conflict", status="paid", subject_id=REFUND_ID, reason="after succeeded")
    )
    scenario.when(FAIL).then()


def test_what_a_wallet_held_goes_back_to_the_wallet() -> None:
    scenario = given(*HOLDING, ACCEPT, CAPTURE).when(REFUND)

    kinds = [type(recorded.event) for recorded in scenario.log.events[-2:]]
    assert kinds == [Wallet.Credited, PaymentSession.RefundSucceeded]


def test_a_refund_that_does_not_exist_is_not_found() -> None:
    for command in (SUCCEED, FAIL):
        given(*PAID).when(command).then(refused("not-found", thing="refund"))
        given().when(command).then(refused("not-found", thing="payment session"))
