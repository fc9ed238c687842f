"""Events and methods of a payment session for scenarios of the aggregate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from domain import ids, times
from domain.money.money import Money
from domain.sessions.errors import (
    AmountMismatch,
    ClaimRequired,
    SessionExpired,
    SessionNotPayable,
)
from domain.sessions.payment_session import PaymentSession
from tests.support.aggregates import STREAM, Fact, fact
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
