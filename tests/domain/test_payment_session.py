"""Given what happened, when asked, then an event or a refusal, in the order that is promised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from domain.errors import (
    AmountMismatch,
    ClaimRequired,
    ClaimsExhausted,
    DomainError,
    SessionClaimed,
    SessionExpired,
    SessionNotPayable,
)
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)
DEADLINE = NOW + timedelta(seconds=900)
TICK = timedelta(microseconds=1)


def a_session(*steps: str) -> PaymentSession:
    """A session that has lived through some steps, all by wallet `w1` of app `a1`."""
    session = PaymentSession.create(
        session_id=uuid7(),
        merchant_id="mer_1",
        merchant_name="Cafe",
        order_id="1",
        amount=Money(1000, "USD"),
        at=NOW,
    )
    for step in steps:
        match step:
            case "scanned":
                scan(session)
            case "paid":
                session.pay(wallet_id="w1", claim_id="c1", at=LATER)
            case "cancelled":
                session.cancel(by="merchant", at=LATER)
            case "expired":
                assert session.expire(at=DEADLINE)
    session.collect_events()
    return session


def scan(session: PaymentSession, **facts: Any) -> None:
    given = {
        "wallet_id": "w1",
        "wallet_app_id": "a1",
        "claim_id": "c1",
        "at": NOW,
        "lease_seconds": 90,
    }
    session.scan(**{**given, **facts})


def check(session: PaymentSession, **facts: Any) -> None:
    given = {
        "wallet_id": "w1",
        "claim_id": "c1",
        "amount_minor": 1000,
        "currency": "USD",
        "at": LATER,
    }
    session.check_payable(**{**given, **facts})


@pytest.mark.parametrize(
    ("steps", "facts", "refusal"),
    [
        (["scanned", "paid"], {"wallet_id": "w2"}, SessionNotPayable),
        (["cancelled"], {"at": DEADLINE}, SessionNotPayable),
        (["expired"], {}, SessionExpired),
        (["scanned"], {"wallet_id": "w2", "at": DEADLINE}, SessionExpired),
        (["scanned"], {"wallet_id": "w2", "at": LATER}, SessionClaimed),
        (
            ["scanned"],
            {"wallet_id": "w2", "at": NOW + timedelta(seconds=90) - TICK},
            SessionClaimed,
        ),
    ],
)
def test_a_scan_is_refused_in_the_promised_order(
    steps: list[str], facts: dict[str, Any], refusal: type[DomainError]
) -> None:
    session = a_session(*steps)

    with pytest.raises(refusal):
        scan(session, **facts)

    assert session.pending_events == []


@pytest.mark.parametrize(
    ("steps", "facts", "refusal"),
    [
        (["scanned", "paid"], {"wallet_id": "w2"}, SessionNotPayable),
        (["cancelled"], {"at": DEADLINE, "claim_id": "x"}, SessionNotPayable),
        (["expired"], {"claim_id": "x"}, SessionExpired),
        (["scanned"], {"at": DEADLINE, "claim_id": "x", "amount_minor": 1}, SessionExpired),
        (["scanned"], {"claim_id": "x", "amount_minor": 1}, ClaimRequired),
        (["scanned"], {"wallet_id": "w2"}, ClaimRequired),
        ([], {}, ClaimRequired),
        (["scanned"], {"amount_minor": 999}, AmountMismatch),
        (["scanned"], {"amount_minor": 1001}, AmountMismatch),
        (["scanned"], {"currency": "EUR"}, AmountMismatch),
    ],
)
def test_a_payment_is_refused_in_the_promised_order(
    steps: list[str], facts: dict[str, Any], refusal: type[DomainError]
) -> None:
    session = a_session(*steps)

    with pytest.raises(refusal):
        check(session, **facts)

    assert session.pending_events == []


def test_a_payment_is_allowed_until_the_last_microsecond() -> None:
    session = a_session("scanned")

    check(session, at=DEADLINE - TICK)

    with pytest.raises(SessionExpired):
        check(session, at=DEADLINE)


def test_scanning_again_with_ones_own_claim_makes_no_event_even_when_the_lease_is_over() -> None:
    session = a_session("scanned")

    scan(session, claim_id="c2", at=NOW + timedelta(seconds=300))

    assert session.pending_events == []
    assert session.claim is not None
    assert session.claim.id == "c1"


def test_another_wallet_takes_over_when_the_lease_is_over_and_the_first_claim_is_gone() -> None:
    session = a_session("scanned")
    lapsed = NOW + timedelta(seconds=90)

    scan(session, wallet_id="w2", wallet_app_id="a2", claim_id="c2", at=lapsed)

    assert [type(one) for one in session.pending_events] == [PaymentSession.Scanned]
    with pytest.raises(ClaimRequired):
        check(session, at=lapsed)
    check(session, wallet_id="w2", claim_id="c2", at=lapsed)


def test_a_lapsed_claim_still_pays_as_long_as_nobody_has_taken_over() -> None:
    session = a_session("scanned")

    check(session, at=NOW + timedelta(seconds=600))


def test_an_app_may_hold_a_session_three_times() -> None:
    session = a_session()
    at = NOW
    for number in range(3):
        scan(session, wallet_id=f"w{number}", claim_id=f"c{number}", at=at)
        at += timedelta(seconds=90)

    with pytest.raises(ClaimsExhausted):
        scan(session, wallet_id="w9", claim_id="c9", at=at)
    scan(session, wallet_id="other", wallet_app_id="a2", claim_id="c9", at=at)


def test_the_payer_scanning_a_paid_session_is_answered() -> None:
    session = a_session("scanned", "paid")

    scan(session)

    assert session.pending_events == []


@pytest.mark.parametrize("steps", [["scanned", "paid"], ["cancelled"], ["expired"]])
def test_a_session_that_has_ended_is_neither_cancelled_nor_expired(steps: list[str]) -> None:
    session = a_session(*steps)

    with pytest.raises(SessionNotPayable):
        session.cancel(by="merchant", at=LATER)
    assert not session.expire(at=DEADLINE)
    assert session.pending_events == []


def test_a_session_reads_as_expired_at_once_and_is_expired_once() -> None:
    session = a_session("scanned")

    assert session.status_at(DEADLINE - TICK) is Status.SCANNED
    assert session.status_at(DEADLINE) is Status.EXPIRED
    assert not session.expire(at=DEADLINE - TICK)
    assert session.expire(at=DEADLINE)
    assert not session.expire(at=DEADLINE)


def test_a_released_claim_lets_another_wallet_in_at_once() -> None:
    session = a_session("scanned")

    with pytest.raises(ClaimRequired):
        session.release_claim(wallet_app_id="a2", wallet_id=None, at=LATER)
    with pytest.raises(ClaimRequired):
        session.release_claim(wallet_app_id="a1", wallet_id="w2", at=LATER)
    session.release_claim(wallet_app_id="a1", wallet_id=None, at=LATER)

    assert session.status is Status.CREATED
    scan(session, wallet_id="w2", claim_id="c2", at=LATER)
