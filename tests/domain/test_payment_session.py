"""Given what happened, when asked, then an event or a refusal, in the order that is promised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from domain.errors import InvalidRequest, LedgerError
from domain.money.money import Money
from domain.sessions.errors import (
    AmountMismatch,
    ClaimRequired,
    ClaimsExhausted,
    SessionClaimed,
    SessionExpired,
    SessionNotPayable,
)
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)
DEADLINE = NOW + timedelta(seconds=900)
TICK = timedelta(microseconds=1)


def a_new_session(**facts: Any) -> PaymentSession:
    given = {
        "session_id": uuid7(),
        "merchant_id": "mer_1",
        "merchant_name": "Cafe",
        "order_id": "1",
        "amount": Money(1000, "USD"),
        "at": NOW,
    }
    return PaymentSession.create(**{**given, **facts})


def a_session(*steps: str) -> PaymentSession:
    """A session that has lived through some steps, all by wallet `w1` of app `a1`."""
    session = a_new_session()
    for step in steps:
        match step:
            case "scanned":
                scan(session)
            case "paid":
                pay(session)
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


def pay(session: PaymentSession, **facts: Any) -> None:
    given = {"wallet_id": "w1", "claim_id": "c1", "amount": Money(1000, "USD"), "at": LATER}
    session.pay(**{**given, **facts})


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
    steps: list[str], facts: dict[str, Any], refusal: type[LedgerError]
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
        (["scanned"], {"at": DEADLINE, "claim_id": "x", "amount": Money(1, "USD")}, SessionExpired),
        (["scanned"], {"claim_id": "x", "amount": Money(1, "USD")}, ClaimRequired),
        (["scanned"], {"wallet_id": "w2"}, ClaimRequired),
        ([], {}, ClaimRequired),
        (["scanned"], {"amount": Money(999, "USD")}, AmountMismatch),
        (["scanned"], {"amount": Money(1001, "USD")}, AmountMismatch),
        (["scanned"], {"amount": Money(1000, "EUR")}, AmountMismatch),
    ],
)
def test_a_payment_is_refused_in_the_promised_order(
    steps: list[str], facts: dict[str, Any], refusal: type[LedgerError]
) -> None:
    session = a_session(*steps)

    with pytest.raises(refusal):
        pay(session, **facts)

    assert session.pending_events == []


def test_a_payment_is_allowed_until_the_last_microsecond() -> None:
    session = a_session("scanned")

    with pytest.raises(SessionExpired):
        pay(session, at=DEADLINE)
    pay(session, at=DEADLINE - TICK)

    assert [type(one) for one in session.pending_events] == [PaymentSession.Paid]


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
        pay(session, at=lapsed)
    pay(session, wallet_id="w2", claim_id="c2", at=lapsed)
    assert session.paid_by("w2")


def test_a_lapsed_claim_still_pays_as_long_as_nobody_has_taken_over() -> None:
    session = a_session("scanned")

    pay(session, at=NOW + timedelta(seconds=600))

    assert session.paid_by("w1")


def claim_in_turn(session: PaymentSession, *wallets: str, app: str = "a1") -> datetime:
    """Each wallet claims when the lease before it is over; answers with the end of the last."""
    at = session.claim.lease_until if session.claim else NOW
    for wallet in wallets:
        scan(
            session, wallet_id=wallet, wallet_app_id=app, claim_id=f"c{at}", at=at, lease_seconds=1
        )
        at += timedelta(seconds=1)
    return at


def test_a_wallet_may_hold_a_session_three_times_and_leaves_the_app_to_its_others() -> None:
    session = a_session()
    at = claim_in_turn(session, "w1", "w2", "w1", "w2", "w1", "w2")

    for wallet in ("w1", "w2"):
        session.claim = None
        with pytest.raises(ClaimsExhausted) as refused:
            scan(session, wallet_id=wallet, claim_id="c9", at=at)
        facts = {"session_id": session.public_id, "holder": "wallet", "claims_max": 3}
        assert refused.value.facts == facts
    scan(session, wallet_id="w3", claim_id="c9", at=at)


def test_an_apps_wallets_together_may_hold_a_session_twelve_times() -> None:
    session = a_session()
    at = claim_in_turn(session, *(f"w{number}" for number in range(12)))

    with pytest.raises(ClaimsExhausted) as refused:
        scan(session, wallet_id="w99", claim_id="c99", at=at)
    assert (refused.value.facts["holder"], refused.value.facts["claims_max"]) == ("wallet app", 12)
    scan(session, wallet_id="other", wallet_app_id="a2", claim_id="c99", at=at)


def test_paying_again_makes_no_event_whatever_the_claim_amount_and_time() -> None:
    session = a_session("scanned", "paid")

    pay(session, claim_id="x", amount=Money(1, "EUR"), at=DEADLINE)

    assert session.pending_events == []


@pytest.mark.parametrize(
    "facts",
    [
        {"amount": Money(0, "USD")},
        {"amount": Money(10**12, "USD")},
        {"amount": Money(1, "HRK")},
        {"order_id": ""},
        {"order_id": "x" * 65},
        {"description": "x" * 201},
        {"return_url": ""},
        {"return_url": "x" * 2001},
        {"metadata": {str(number): "" for number in range(21)}},
        {"metadata": {"": ""}},
        {"metadata": {"x" * 41: ""}},
        {"metadata": {"x": "x" * 501}},
        {"expires_in_seconds": 59},
        {"expires_in_seconds": 86_401},
    ],
)
def test_a_session_of_odd_terms_is_not_created(facts: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        a_new_session(**facts)


def test_a_session_at_the_limits_is_created() -> None:
    session = a_new_session(
        order_id="x" * 64,
        description="x" * 200,
        return_url="x" * 2000,
        metadata={f"{number:040}": "x" * 500 for number in range(20)},
        expires_in_seconds=86_400,
        amount=Money(10**12 - 1, "USD"),
    )

    assert len(session.pending_events) == 1


@pytest.mark.parametrize("lease_seconds", [0, 601])
def test_a_lease_of_an_odd_length_is_refused(lease_seconds: int) -> None:
    session = a_session()

    with pytest.raises(InvalidRequest):
        scan(session, lease_seconds=lease_seconds)
    assert session.pending_events == []


def test_only_the_merchant_and_the_checkout_screen_cancel() -> None:
    session = a_session()

    with pytest.raises(InvalidRequest):
        session.cancel(by="anybody", at=LATER)
    assert session.pending_events == []


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
