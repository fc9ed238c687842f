"""Attempts begin: by a checkout screen or a wallet, and what is refused before."""

from __future__ import annotations

from dataclasses import replace

from domain.merchants.merchant import Merchant
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Funding, Status
from domain.wallets.wallet import Wallet
from tests.support.attempts import (
    ATTEMPT,
    ATTEMPT_IDS,
    CAPTURE,
    DECLINE,
    ENABLE,
    EXPIRES_AT,
    HOLDING,
    PREPARED,
    START,
    START_HELD,
    STARTED,
    USD,
)
from tests.support.given import (
    APP,
    CLAIM,
    CREATE,
    HOLDERS,
    MERCHANT,
    MERCHANT_ID,
    NOBODY,
    OPEN,
    ORDER_ID,
    SCAN,
    SESSION,
    SESSION_ID,
    TOP_UP,
    WALLET,
    WALLET_ID,
    at,
    event,
    given,
    refused,
)

RELEASED = event(Order.Released, ORDER_ID, session_id=SESSION, reason="expired")
EXPIRED = event(PaymentSession.Expired, SESSION_ID, expires_at=EXPIRES_AT)
HELD_FACTS = {"amount_minor": 1000, "session_id": SESSION, "attempt_id": ATTEMPT, **USD}


def test_an_attempt_begins_without_a_wallet() -> None:
    scenario = given(*PREPARED).when(START)

    scenario.then(
        event(
            PaymentSession.Processing,
            SESSION_ID,
            attempt_id=ATTEMPT,
            processor="sandbox",
            funding="processor",
            amount_minor=1000,
            wallet_id=None,
            wallet_app_id=None,
            claim_id=None,
            merchant_id=MERCHANT,
            expires_at=EXPIRES_AT,
            **USD,
        )
    )
    assert scenario.subject.status is Status.PROCESSING


def test_an_attempt_that_a_wallet_funds_holds_its_money() -> None:
    scenario = given(*HOLDING[:-1]).when(START_HELD)

    scenario.then(
        event(Wallet.Held, WALLET_ID, **HELD_FACTS),
        event(
            PaymentSession.Processing,
            SESSION_ID,
            attempt_id=ATTEMPT,
            processor="sandbox",
            funding="wallet",
            amount_minor=1000,
            wallet_id=WALLET,
            wallet_app_id=APP,
            claim_id=CLAIM,
            merchant_id=MERCHANT,
            expires_at=EXPIRES_AT,
            **USD,
        ),
    )


def test_a_processor_that_the_merchant_has_not_enabled_is_refused() -> None:
    scenario = given(*PREPARED).when(replace(START, processor="other"))

    scenario.then(refused("processor-not-enabled", merchant_id=MERCHANT, processor="other"))


def test_a_second_attempt_is_refused_while_the_first_has_no_end() -> None:
    other = replace(START, attempt_id=ATTEMPT_IDS[1], processor="stripe")

    scenario = given(*STARTED).when(other)

    scenario.then(refused("payment-in-flight", session_id=SESSION, processor="sandbox"))


def test_the_same_attempt_again_returns_the_session_as_it_is() -> None:
    scenario = given(*STARTED).when(replace(START, attempt_id=ATTEMPT_IDS[1]))

    scenario.then()
    assert scenario.subject.status is Status.PROCESSING


def test_an_attempt_that_has_ended_does_not_begin_again() -> None:
    scenario = given(*STARTED, DECLINE).when(START)

    scenario.then()


def test_a_checkout_cannot_pay_while_a_wallet_holds_a_claim() -> None:
    scenario = given(*HOLDERS, ENABLE, OPEN, CREATE, SCAN).when(START)

    facts = {"session_id": SESSION, "lease_until": at(90), "retry_after_seconds": 90}
    scenario.then(refused("session-claimed", **facts))


def test_a_wallet_needs_its_claim_the_amount_and_the_money() -> None:
    scenario = given(*HOLDING[:-1])

    scenario.when(replace(START_HELD, claim_id="other")).then(
        refused("claim-required", session_id=SESSION)
    )
    scenario.when(replace(START_HELD, amount=Money(999, "USD")))
    assert scenario.result.code == "amount-mismatch"  # type: ignore[union-attr]
    scenario = given(*HOLDERS, ENABLE, OPEN, CREATE, SCAN).when(START_HELD)
    facts = {"wallet_id": WALLET, "asked_minor": 1000, "currency": "USD"}
    scenario.then(refused("insufficient-funds", **facts))


def test_another_merchants_session_is_not_found() -> None:
    scenario = given(*PREPARED).when(replace(START, merchant_id=NOBODY))

    scenario.then(refused("not-found", thing="payment session"))


def test_an_unknown_attempt_is_not_found() -> None:
    scenario = given(*PREPARED).when(CAPTURE)

    scenario.then(refused("not-found", thing="payment attempt"))


def test_a_wallet_in_another_currency_cannot_fund_an_attempt() -> None:
    in_euros = replace(OPEN, currency=CURRENCIES["EUR"])
    euros = replace(TOP_UP, amount=Money(TOP_UP.amount.minor, "EUR"))

    scenario = given(*HOLDERS, ENABLE, in_euros, euros, CREATE, SCAN).when(START_HELD)

    scenario.then(refused("wallet-currency-mismatch", wallet_currency="EUR", asked_currency="USD"))
    through_processor = replace(START_HELD, funding=Funding.PROCESSOR)
    assert scenario.when(through_processor).subject.status is Status.PROCESSING


def test_processors_of_a_merchant_are_set_once() -> None:
    scenario = given(*HOLDERS).when(ENABLE)

    names = ["sandbox", "stripe"]
    scenario.then(event(Merchant.ProcessorsChanged, MERCHANT_ID, processors=names))
    scenario.when(ENABLE).then()
    for bad in (("a",) * 2, ("A",), ("",), ("a:b",), tuple("abcdefghijk"), ("x" * 31,)):
        scenario.when(replace(ENABLE, processors=bad)).then_invalid("processors")
