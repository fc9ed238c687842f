"""Commands about attempts for `given().when().then()`, and the events they lead to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from application.commands.accept_attempt import AcceptAttempt
from application.commands.accept_late_money import AcceptLateMoney
from application.commands.capture_attempt import CaptureAttempt
from application.commands.decline_attempt import DeclineAttempt
from application.commands.mark_attempt_unknown import MarkAttemptUnknown
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.commands.void_attempt import VoidAttempt
from domain import ids
from domain.money.money import Money
from domain.processors.suspense import Suspense
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Funding
from tests.support.given import (
    APP,
    CLAIM,
    CREATE,
    HOLDERS,
    MERCHANT,
    MERCHANT_ID,
    OPEN,
    PRICE,
    SCAN,
    SESSION,
    SESSION_ID,
    TOP_UP,
    WALLET,
    WALLET_ID,
    Expected,
    at,
    event,
)

ATTEMPT_IDS = [UUID(f"01890a5d-ac96-774b-bcce-b30200000{number:03}") for number in range(100, 107)]
ATTEMPT_ID = ATTEMPT_IDS[0]
ATTEMPT = ids.encode("att", ATTEMPT_ID)
USD = {"currency": "USD", "exponent": 2}
EXPIRES_AT = at(900)
SUSPENSE_ID = Suspense.stream_id("sandbox", "ref-1")
SUSPENSE = ids.encode("sus", SUSPENSE_ID)

ENABLE = SetProcessors(merchant_id=MERCHANT_ID, processors=("sandbox", "stripe"))
START = StartAttempt(attempt_id=ATTEMPT_ID, session_id=SESSION_ID, processor="sandbox")
START_HELD = replace(
    START,
    funding=Funding.WALLET,
    wallet_id=WALLET_ID,
    wallet_app_id=APP,
    claim_id=CLAIM,
    amount=PRICE,
)
ACCEPT = AcceptAttempt(session_id=SESSION_ID, attempt_id=ATTEMPT_ID, reference="ref-1")
CAPTURE = CaptureAttempt(
    session_id=SESSION_ID, attempt_id=ATTEMPT_ID, reference="ref-1", money=PRICE
)
DECLINE = DeclineAttempt(session_id=SESSION_ID, attempt_id=ATTEMPT_ID, reason="card_declined")
VOID = VoidAttempt(session_id=SESSION_ID, attempt_id=ATTEMPT_ID)
UNKNOWN = MarkAttemptUnknown(session_id=SESSION_ID, attempt_id=ATTEMPT_ID)
ACCEPT_LATE = AcceptLateMoney(session_id=SESSION_ID, merchant_id=MERCHANT_ID)

PREPARED = (*HOLDERS, ENABLE, CREATE)
STARTED = (*PREPARED, START)
HOLDING = (*HOLDERS, ENABLE, OPEN, TOP_UP, CREATE, SCAN, START_HELD)


def capture(minor: int, currency: str = "USD", reference: str = "ref-1") -> CaptureAttempt:
    """The capture of another amount, or under another reference."""
    return replace(CAPTURE, money=Money(minor, currency), reference=reference)


def accepted(reference: str = "ref-1") -> Expected:
    """The reference is recorded."""
    facts = {"attempt_id": ATTEMPT, "processor": "sandbox", "reference": reference}
    return event(PaymentSession.AttemptAccepted, SESSION_ID, **facts)


def paid(*, held: bool = False) -> Expected:
    """The session is paid by the attempt."""
    return event(
        PaymentSession.Paid,
        SESSION_ID,
        funding="wallet" if held else "processor",
        source="held" if held else None,
        wallet_id=WALLET if held else None,
        claim_id=CLAIM if held else None,
        attempt_id=ATTEMPT,
        processor="sandbox",
        amount_minor=1000,
        fee_minor=0,
        payer_amount_minor=1000,
        payer_currency="USD",
        payer_exponent=2,
        spread_minor=0,
        quote_id=None,
        merchant_id=MERCHANT,
        merchant_name="Cafe",
        **USD,
    )


def declined(
    outcome: str = "declined", *, reason: str = "card_declined", held: bool = False
) -> Expected:
    """The attempt ended without a payment."""
    return event(
        PaymentSession.Declined,
        SESSION_ID,
        attempt_id=ATTEMPT,
        outcome=outcome,
        reason=reason,
        processor="sandbox",
        funding="wallet" if held else "processor",
        wallet_id=WALLET if held else None,
        amount_minor=1000,
        merchant_id=MERCHANT,
        session_status="scanned" if held else "created",
        expires_at=EXPIRES_AT,
        **USD,
    )


def flagged(flag: str, captured_minor: int = 0, *, status: str, **facts: Any) -> Expected:
    """The session is flagged for the attempt."""
    defaults = {
        "flag": flag,
        "flags": [flag],
        "subject_id": ATTEMPT,
        "processor": "sandbox",
        "reference": "ref-1",
        "captured_minor": captured_minor,
        "suspense_id": SUSPENSE if captured_minor else None,
        "reason": "",
        "merchant_id": MERCHANT,
        "session_status": status,
        "expires_at": EXPIRES_AT,
    }
    return event(PaymentSession.Flagged, SESSION_ID, **{**defaults, **USD, **facts})


def suspended(reason: str, minor: int, *, until: str, **facts: Any) -> Expected:
    """The money is in suspense."""
    defaults = {
        "processor": "sandbox",
        "reference": "ref-1",
        "reason": reason,
        "amount_minor": minor,
        "session_id": SESSION,
        "attempt_id": ATTEMPT,
        "merchant_id": MERCHANT,
        "accept_until": until,
    }
    return event(Suspense.Received, SUSPENSE_ID, **{**defaults, **USD, **facts})


def return_requested(minor: int, **facts: Any) -> Expected:
    """The processor is to give it back."""
    defaults = {"processor": "sandbox", "reference": "ref-1", "amount_minor": minor}
    return event(Suspense.ReturnRequested, SUSPENSE_ID, **{**defaults, **USD, **facts})
