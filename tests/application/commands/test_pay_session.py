"""PaySession: wallet and session record a payment together or not at all."""

from __future__ import annotations

from dataclasses import replace

from domain.errors import LedgerError
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from domain.wallets.wallet import Wallet
from tests.support.given import (
    CANCEL,
    CLAIM,
    CREATE,
    HOLDERS,
    MERCHANT,
    NOBODY,
    OPEN,
    OPEN_OTHER,
    OTHER_WALLET_ID,
    PAY,
    PRICE,
    SCAN,
    SESSION,
    SESSION_ID,
    TOP_UP,
    WALLET,
    WALLET_ID,
    Elapsed,
    at,
    event,
    given,
    refused,
)
from tests.support.payloads import from_balance

CLAIMED = (*HOLDERS, OPEN, TOP_UP, CREATE, SCAN)
PAYEE = {"merchant_id": MERCHANT, "merchant_name": "Cafe"}
AMOUNT = {"amount_minor": 1000, "currency": "USD", "exponent": 2}


def test_a_payment_is_recorded_by_wallet_and_session_in_one_append() -> None:
    scenario = given(*CLAIMED).when(PAY)

    scenario.then(
        event(
            Wallet.Captured, WALLET_ID, session_id=SESSION, source="available", **PAYEE, **AMOUNT
        ),
        event(
            PaymentSession.Paid,
            SESSION_ID,
            wallet_id=WALLET,
            claim_id=CLAIM,
            merchant_id=MERCHANT,
            merchant_name="Cafe",
            **from_balance(1000),
        ),
    )
    assert scenario.subject.id == SESSION_ID
    assert scenario.subject.status is Status.PAID


def test_paying_again_returns_the_first_payment_however_late() -> None:
    scenario = given(*CLAIMED)
    first = scenario.when(PAY).result
    scenario.run(Elapsed(5000))

    scenario.when(PAY).then()

    again = scenario.result
    assert not isinstance(first, LedgerError | None)
    assert not isinstance(again, LedgerError | None)
    assert (again.position, again.replayed) == (first.position, False)


def test_a_claim_is_good_after_its_lease_until_another_wallet_takes_over() -> None:
    scenario = given(*CLAIMED, Elapsed(500)).when(PAY)

    assert scenario.subject.status is Status.PAID


def test_an_unknown_session_or_wallet_is_not_found() -> None:
    given(*CLAIMED).when(replace(PAY, session_id=NOBODY)).then(
        refused("not-found", thing="payment session")
    )
    given(*CLAIMED).when(replace(PAY, wallet_id=NOBODY)).then(refused("not-found", thing="wallet"))


def test_another_apps_wallet_is_not_found() -> None:
    scenario = given(*CLAIMED).when(replace(PAY, wallet_app_id="app_other"))

    scenario.then(refused("not-found", thing="wallet"))


def test_a_wallet_without_the_claim_cannot_pay() -> None:
    claim_required = refused("claim-required", session_id=SESSION)

    given(*CLAIMED).when(replace(PAY, claim_id="clm_other")).then(claim_required)
    given(*CLAIMED, OPEN_OTHER).when(replace(PAY, wallet_id=OTHER_WALLET_ID)).then(claim_required)


def test_another_amount_or_currency_is_refused() -> None:
    for offered in (Money(999, "USD"), Money(1000, "EUR")):
        scenario = given(*CLAIMED).when(replace(PAY, amount=offered))

        scenario.then(
            refused(
                "amount-mismatch",
                session_id=SESSION,
                asked_minor=PRICE.minor,
                asked_currency="USD",
                offered_minor=offered.minor,
                offered_currency=offered.currency,
            )
        )


def test_a_wallet_with_too_little_money_cannot_pay() -> None:
    too_little = replace(TOP_UP, amount=Money(999, "USD"))

    scenario = given(*HOLDERS, OPEN, too_little, CREATE, SCAN).when(PAY)

    scenario.then(refused("insufficient-funds", wallet_id=WALLET, asked_minor=1000, currency="USD"))


def test_a_wallet_in_another_currency_cannot_pay() -> None:
    create = replace(CREATE, amount=Money(1000, "EUR"))

    scenario = given(*HOLDERS, OPEN, TOP_UP, create, SCAN).when(
        replace(PAY, amount=Money(1000, "EUR"))
    )

    scenario.then(refused("wallet-currency-mismatch", wallet_currency="USD", asked_currency="EUR"))


def test_a_session_past_its_deadline_cannot_be_paid() -> None:
    scenario = given(*CLAIMED, Elapsed(900)).when(PAY)

    scenario.then(refused("session-expired", session_id=SESSION, expires_at=at(900)))


def test_a_cancelled_session_cannot_be_paid() -> None:
    scenario = given(*CLAIMED, CANCEL).when(PAY)

    scenario.then(refused("session-not-payable", session_id=SESSION, session_status="cancelled"))
