"""Payment sessions: what each method records, and what it refuses in which order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import ids, times
from domain.errors import InvalidRequest, LedgerError
from domain.money.money import Amount, Money
from domain.sessions.errors import (
    AmountMismatch,
    ClaimRequired,
    ClaimsExhausted,
    SessionClaimed,
    SessionExpired,
    SessionNotPayable,
)
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Funding, Payment, Status
from tests.support.aggregates import STREAM, Fact, Scenario, fact, fold, given
from tests.support.payloads import NO_FEE, from_balance

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)
LEASE_END = NOW + timedelta(seconds=90)
DEADLINE = NOW + timedelta(seconds=900)
TICK = timedelta(microseconds=1)
SESSION = ids.encode("ps", STREAM)
EXPIRED = SessionExpired(session_id=SESSION, expires_at=times.to_text(DEADLINE))
CLAIM_REQUIRED = ClaimRequired(session_id=SESSION)
TERMS: dict[str, Any] = {
    "merchant_id": "mer_1",
    "merchant_name": "Cafe",
    "order_id": "1",
    "description": "",
    "expires_in_seconds": 900,
    "return_url": None,
    "metadata": {},
    "checkout_may_cancel": False,
}
MONEY = {"amount_minor": 1000, "currency": "USD", "exponent": 2}


def created(**changes: Any) -> Fact:
    fields = {**TERMS, **NO_FEE, **MONEY, "expires_at": times.to_text(DEADLINE), **changes}
    return fact(PaymentSession.Created, NOW, **fields)


def scanned(
    wallet: str = "w1", app: str = "a1", claim: str = "c1", *, at: datetime = NOW, seconds: int = 90
) -> Fact:
    lease_until = times.to_text(at + timedelta(seconds=seconds))
    return fact(
        PaymentSession.Scanned,
        at,
        claim_id=claim,
        wallet_id=wallet,
        wallet_app_id=app,
        lease_until=lease_until,
    )


def paid(wallet: str = "w1", claim: str = "c1", *, at: datetime = LATER) -> Fact:
    fields = {"wallet_id": wallet, "claim_id": claim, **from_balance(1000)}
    return fact(PaymentSession.Paid, at, merchant_id="mer_1", merchant_name="Cafe", **fields)


CANCELLED = fact(PaymentSession.Cancelled, LATER, by="merchant")
EXPIRED_EVENT = fact(PaymentSession.Expired, DEADLINE, expires_at=times.to_text(DEADLINE))
HISTORIES = {
    "created": [created()],
    "scanned": [created(), scanned()],
    "paid": [created(), scanned(), paid()],
    "cancelled": [created(), CANCELLED],
    "expired": [created(), EXPIRED_EVENT],
}


def not_payable(status: str) -> SessionNotPayable:
    return SessionNotPayable(session_id=SESSION, session_status=status)


def mismatch(minor: int, currency: str) -> AmountMismatch:
    return AmountMismatch(
        session_id=SESSION,
        asked_minor=1000,
        asked_currency="USD",
        offered_minor=minor,
        offered_currency=currency,
    )


def create(**changes: Any) -> Callable[[Any], PaymentSession]:
    terms = {name: value for name, value in TERMS.items() if name not in changes}
    return lambda _: PaymentSession.create(
        **{"session_id": STREAM, "amount": Money(1000, "USD"), "at": NOW, **terms, **changes}
    )


def scan(
    wallet: str = "w1",
    app: str = "a1",
    claim: str = "c1",
    *,
    at: datetime = NOW,
    lease_seconds: int = 90,
) -> Callable[[PaymentSession], None]:
    return lambda session: session.scan(
        wallet_id=wallet, wallet_app_id=app, claim_id=claim, at=at, lease_seconds=lease_seconds
    )


def pay(
    wallet: str = "w1",
    claim: str = "c1",
    *,
    amount: Money = Money(1000, "USD"),  # noqa: B008 - immutable
    at: datetime = LATER,
) -> Callable[[PaymentSession], None]:
    return lambda session: session.pay(wallet_id=wallet, claim_id=claim, amount=amount, at=at)


def release(app: str, wallet: str | None = None) -> Callable[[PaymentSession], None]:
    return lambda session: session.release_claim(wallet_app_id=app, wallet_id=wallet, at=LATER)


def claims(*wallets: str, app: str = "a1") -> list[Fact]:
    """Claims of one second each, one after the other, from the creation on."""
    return [
        scanned(wallet, app, f"c{n}", at=NOW + timedelta(seconds=n), seconds=1)
        for n, wallet in enumerate(wallets)
    ]


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
