"""Payment sessions: their terms and claims, and what is refused in which order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from domain import times
from domain.errors import InvalidRequest, LedgerError
from domain.money.money import Money
from domain.sessions.errors import (
    ClaimsExhausted,
    SessionClaimed,
)
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from tests.support.aggregates import fact, given
from tests.support.payment_sessions import (
    CLAIM_REQUIRED,
    DEADLINE,
    EXPIRED,
    HISTORIES,
    LATER,
    LEASE_END,
    NOW,
    SESSION,
    TICK,
    claims,
    create,
    created,
    not_payable,
    paid,
    pay,
    release,
    scan,
    scanned,
)


def test_creating_records_the_terms() -> None:
    scenario = given().when(create()).then(created())

    session = scenario.aggregate
    assert (session.public_id, session.status, session.amount) == (
        SESSION,
        Status.CREATED,
        Money(1000, "USD"),
    )
    assert (session.created_on, session.expires_at, session.claim) == (NOW, DEADLINE, None)


def test_terms_at_their_limits_are_accepted() -> None:
    limits: dict[str, Any] = {
        "order_id": "x" * 64,
        "description": "x" * 200,
        "return_url": "x" * 2000,
        "metadata": {f"{number:040}": "x" * 500 for number in range(20)},
        "checkout_may_cancel": True,
        "expires_in_seconds": 86_400,
    }
    expires_at = times.to_text(NOW + timedelta(days=1))

    given().when(create(**limits, amount=Money(1, "KWD"))).then(
        created(**limits, amount_minor=1, currency="KWD", exponent=3, expires_at=expires_at)
    )
    given().when(create(amount=Money(999_999_999_999, "USD"))).then(
        created(amount_minor=999_999_999_999)
    )


@pytest.mark.parametrize(
    ("terms", "name", "reason"),
    [
        ({"amount": Money(0, "USD")}, "amount.minor", "must be from 1 to 999999999999"),
        ({"amount": Money(10**12, "USD")}, "amount.minor", "must be from 1 to 999999999999"),
        ({"amount": Money(0, "HRK")}, "amount.currency", "HRK has been withdrawn"),
        ({"order_id": ""}, "order_id", "must have 1 to 64 characters"),
        ({"order_id": "x" * 65}, "order_id", "must have 1 to 64 characters"),
        ({"description": "x" * 201}, "description", "may have at most 200 characters"),
        ({"return_url": ""}, "return_url", "must have 1 to 2000 characters"),
        ({"return_url": "x" * 2001}, "return_url", "must have 1 to 2000 characters"),
        ({"metadata": dict.fromkeys(map(str, range(21)), "")}, "metadata", "may have at most 20 entries"),
        ({"metadata": {"": ""}}, "metadata", "keys must have 1 to 40 characters"),
        ({"metadata": {"x" * 41: ""}}, "metadata", "keys must have 1 to 40 characters"),
        ({"metadata": {"x": "x" * 501}}, "metadata", "values may have at most 500 characters"),
        ({"expires_in_seconds": 59}, "expires_in_seconds", "must be from 60 to 86400"),
        ({"expires_in_seconds": 86_401}, "expires_in_seconds", "must be from 60 to 86400"),
    ],
)  # fmt: skip
def test_terms_out_of_range_are_refused(terms: dict[str, Any], name: str, reason: str) -> None:
    given().when(create(**terms)).then(InvalidRequest.of(name, reason))


def test_a_scan_records_a_claim() -> None:
    scenario = given(created()).when(scan()).then(scanned())

    claim = scenario.aggregate.claim
    assert (claim.id, claim.wallet_id, claim.wallet_app_id) == ("c1", "w1", "a1")
    assert (claim.lease_until, scenario.aggregate.status) == (LEASE_END, Status.SCANNED)


CLAIMED = SessionClaimed(
    session_id=SESSION, lease_until=times.to_text(LEASE_END), retry_after_seconds=80
)
CLAIMED_TO_THE_LAST = SessionClaimed(
    session_id=SESSION, lease_until=times.to_text(LEASE_END), retry_after_seconds=1
)


@pytest.mark.parametrize(
    ("history", "act", "refusal"),
    [
        ("paid", scan("w2"), not_payable("paid")),
        ("cancelled", scan(at=DEADLINE), not_payable("cancelled")),
        ("expired", scan(), EXPIRED),
        ("scanned", scan("w2", at=DEADLINE), EXPIRED),
        ("scanned", scan("w2", at=LATER), CLAIMED),
        ("scanned", scan("w2", at=LEASE_END - TICK, lease_seconds=0), CLAIMED_TO_THE_LAST),
        ("created", scan(lease_seconds=0), InvalidRequest.of("lease_seconds", "must be from 1 to 600")),
        ("created", scan(lease_seconds=601), InvalidRequest.of("lease_seconds", "must be from 1 to 600")),
    ],
)  # fmt: skip
def test_scans_are_refused_in_the_documented_order(
    history: str, act: Callable[[PaymentSession], None], refusal: LedgerError
) -> None:
    given(*HISTORIES[history]).when(act).then(refusal)


def test_scanning_again_with_a_claim_records_nothing_even_after_the_lease() -> None:
    scenario = given(*HISTORIES["scanned"]).when(scan(claim="c2", at=LEASE_END + TICK)).then()

    assert scenario.aggregate.claim.id == "c1"


def test_the_payer_scanning_a_paid_session_records_nothing() -> None:
    given(*HISTORIES["paid"]).when(scan()).then()


def test_another_wallet_takes_over_after_the_lease_and_the_first_claim_is_gone() -> None:
    (
        given(*HISTORIES["scanned"])
        .when(scan("w2", "a2", "c2", at=LEASE_END))
        .then(scanned("w2", "a2", "c2", at=LEASE_END))
        .when(pay(at=LEASE_END))
        .then(CLAIM_REQUIRED)
        .when(pay("w2", "c2", at=LEASE_END))
        .then(paid("w2", "c2", at=LEASE_END))
    )


def test_a_wallet_claims_a_session_three_times_and_leaves_its_apps_other_wallets_their_claims() -> (
    None
):
    at = NOW + timedelta(seconds=7)
    history = [created(), *claims("w1", "w2", "w1", "w2", "w1", "w2", "w3")]

    for wallet in ("w1", "w2"):
        exhausted = ClaimsExhausted(session_id=SESSION, holder="wallet", claims_max=3)
        given(*history).when(scan(wallet, claim="c9", at=at)).then(exhausted)
    given(*history).when(scan("w4", claim="c9", at=at)).then(scanned("w4", claim="c9", at=at))


def test_all_wallets_of_an_app_together_claim_a_session_twelve_times() -> None:
    at = NOW + timedelta(seconds=12)
    history = [created(), *claims(*(f"w{number}" for number in range(12)))]
    exhausted = ClaimsExhausted(session_id=SESSION, holder="wallet app", claims_max=12)

    given(*history).when(scan("w99", claim="c99", at=at)).then(exhausted)
    given(*history).when(scan("w99", "a2", "c99", at=at)).then(scanned("w99", "a2", "c99", at=at))


def test_a_released_claim_lets_another_wallet_scan_immediately() -> None:
    released = fact(PaymentSession.ClaimReleased, LATER, claim_id="c1")

    scenario = given(*HISTORIES["scanned"]).when(release("a1")).then(released)

    assert (scenario.aggregate.status, scenario.aggregate.claim) == (Status.CREATED, None)
    scenario.when(scan("w2", claim="c2", at=LATER)).then(scanned("w2", claim="c2", at=LATER))
    given(*HISTORIES["scanned"]).when(release("a1", "w1")).then(released)


@pytest.mark.parametrize(
    ("history", "act", "refusal"),
    [
        ("paid", release("a1"), not_payable("paid")),
        ("expired", release("a1"), EXPIRED),
        ("created", release("a1"), CLAIM_REQUIRED),
        ("scanned", release("a2"), CLAIM_REQUIRED),
        ("scanned", release("a1", "w2"), CLAIM_REQUIRED),
    ],
)
def test_releases_are_refused_in_the_documented_order(
    history: str, act: Callable[[PaymentSession], None], refusal: LedgerError
) -> None:
    given(*HISTORIES[history]).when(act).then(refusal)
