"""How payment sessions end: paid, cancelled or expired, and what is refused in which order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from domain.errors import InvalidRequest, LedgerError
from domain.money.money import Amount, Money
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Funding, Payment, Status
from tests.support.aggregates import Scenario, fact, fold, given
from tests.support.payment_sessions import (
    CLAIM_REQUIRED,
    DEADLINE,
    EXPIRED,
    EXPIRED_EVENT,
    HISTORIES,
    LATER,
    NOW,
    TICK,
    mismatch,
    not_payable,
    paid,
    pay,
)


def test_a_payment_records_the_full_amount_and_the_payer() -> None:
    scenario = given(*HISTORIES["scanned"]).when(pay()).then(paid())

    session = scenario.aggregate
    assert (session.status, session.ended_at) == (Status.PAID, LATER)
    assert session.payment == Payment(
        wallet_id="w1",
        wallet_app_id="a1",
        claim_id="c1",
        attempt_id=None,
        funding=Funding.WALLET,
        fee_minor=0,
        payer_amount=Amount(1000, "USD", 2),
        spread_minor=0,
        quote_id=None,
        paid_at=LATER,
    )
    assert (session.paid_by("w1"), session.paid_by("w2")) == (True, False)


@pytest.mark.parametrize(
    ("history", "act", "refusal"),
    [
        ("paid", pay("w2"), not_payable("paid")),
        ("cancelled", pay(claim="x", at=DEADLINE), not_payable("cancelled")),
        ("expired", pay(claim="x"), EXPIRED),
        ("scanned", pay(claim="x", amount=Money(1, "USD"), at=DEADLINE), EXPIRED),
        ("scanned", pay(at=DEADLINE), EXPIRED),
        ("scanned", pay(claim="x", amount=Money(1, "USD")), CLAIM_REQUIRED),
        ("scanned", pay("w2"), CLAIM_REQUIRED),
        ("created", pay(), CLAIM_REQUIRED),
        ("scanned", pay(amount=Money(999, "USD")), mismatch(999, "USD")),
        ("scanned", pay(amount=Money(1001, "USD")), mismatch(1001, "USD")),
        ("scanned", pay(amount=Money(1000, "EUR")), mismatch(1000, "EUR")),
    ],
)
def test_payments_are_refused_in_the_documented_order(
    history: str, act: Callable[[PaymentSession], None], refusal: LedgerError
) -> None:
    given(*HISTORIES[history]).when(act).then(refusal)


def test_a_payment_is_accepted_until_the_last_microsecond() -> None:
    given(*HISTORIES["scanned"]).when(pay(at=DEADLINE - TICK)).then(paid(at=DEADLINE - TICK))


def test_a_claim_whose_lease_has_ended_pays_until_another_wallet_takes_over() -> None:
    at = NOW + timedelta(seconds=600)

    given(*HISTORIES["scanned"]).when(pay(at=at)).then(paid(at=at))


def test_paying_again_records_nothing_whatever_the_claim_amount_and_time() -> None:
    again = pay(claim="x", amount=Money(1, "EUR"), at=DEADLINE)

    given(*HISTORIES["paid"]).when(again).then()


@pytest.mark.parametrize("by", ["merchant", "checkout"])
def test_the_merchant_and_the_checkout_screen_cancel(by: str) -> None:
    cancelled = fact(PaymentSession.Cancelled, LATER, by=by)

    scenario = (
        given(*HISTORIES["scanned"])
        .when(lambda session: session.cancel(by=by, at=LATER))
        .then(cancelled)
    )

    assert (scenario.aggregate.status, scenario.aggregate.ended_at) == (Status.CANCELLED, LATER)


@pytest.mark.parametrize(
    ("history", "by", "at", "refusal"),
    [
        ("paid", "anyone", LATER, not_payable("paid")),
        ("cancelled", "merchant", LATER, not_payable("cancelled")),
        ("expired", "merchant", LATER, not_payable("expired")),
        ("scanned", "merchant", DEADLINE, not_payable("expired")),
        (
            "created",
            "anyone",
            LATER,
            InvalidRequest.of("by", "must be merchant, checkout or payer"),
        ),
    ],
)
def test_cancellations_are_refused_in_the_documented_order(
    history: str, by: str, at: datetime, refusal: LedgerError
) -> None:
    given(*HISTORIES[history]).when(lambda session: session.cancel(by=by, at=at)).then(refusal)


def expire(scenario: Scenario, at: datetime) -> Scenario:
    return scenario.when(lambda session: session.expire(at=at))


def test_an_open_session_expires_once_at_its_deadline() -> None:
    scenario = given(*HISTORIES["scanned"])

    assert expire(scenario, DEADLINE - TICK).then().returned is False
    assert expire(scenario, DEADLINE).then(EXPIRED_EVENT).returned is True
    assert expire(scenario, DEADLINE).then().returned is False
    assert scenario.aggregate.ended_at == DEADLINE


@pytest.mark.parametrize("history", ["paid", "cancelled", "expired"])
def test_a_session_that_has_ended_does_not_expire(history: str) -> None:
    assert expire(given(*HISTORIES[history]), DEADLINE).then().returned is False


def test_the_status_is_expired_from_the_deadline_on() -> None:
    scanned_, paid_ = fold(*HISTORIES["scanned"]), fold(*HISTORIES["paid"])

    assert scanned_.status_at(DEADLINE - TICK) is Status.SCANNED
    assert scanned_.status_at(DEADLINE) is Status.EXPIRED
    assert paid_.status_at(DEADLINE) is Status.PAID
