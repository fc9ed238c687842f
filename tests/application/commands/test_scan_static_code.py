"""ScanStaticCode: a wallet opens and claims a session by a printed code, one at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from application.commands.open_wallet import OpenWallet
from application.commands.scan_static_code import ScanStaticCode
from application.commands.set_fee_plan import SetFeePlan
from application.scanning import VerifiedCode
from domain import ids
from domain.merchants.fee_plan import FeePlan
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.qr import static_code
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from domain.static_codes.code_sessions import CodeSessions
from domain.static_codes.terms import Terms
from tests.application.commands.test_issue_static_code import CODE_ID, ISSUE
from tests.application.commands.test_revoke_static_code import REVOKE
from tests.support.given import (
    APP,
    HOLDERS,
    MERCHANT,
    MERCHANT_ID,
    NOBODY,
    OPEN,
    OPEN_OTHER,
    OTHER_WALLET_ID,
    PAY,
    PUBLIC_URL,
    RELEASE,
    SCAN,
    SESSION_ID,
    TOP_UP,
    WALLET,
    WALLET_ID,
    Elapsed,
    Expected,
    at,
    event,
    given,
    refused,
)
from tests.support.memory_keys import MemoryKeys

KEYS = MemoryKeys("K1")
CODE = ids.encode("sc", CODE_ID)
_ADDRESS = static_code.address(PUBLIC_URL, CODE_ID, "K1", KEYS.current().sign)
VERIFIED = VerifiedCode(static_code.parse(_ADDRESS, PUBLIC_URL), KEYS.verify)
FIRST, SECOND, THIRD = (UUID(f"01890a5d-ac96-774b-bcce-b302000001{n:02}") for n in range(3))
CLAIMS = {one: UUID(int=one.int + 256) for one in (FIRST, SECOND, THIRD)}
STREAM = CodeSessions.stream_id(CODE_ID, WALLET_ID)
READY = (*HOLDERS, OPEN, OPEN_OTHER, ISSUE)
FIXED = replace(ISSUE, terms=Terms(currency="USD", amount_minor=700))


def scan(session: UUID, minor: int | None = 700, **changes: Any) -> ScanStaticCode:
    amount = None if minor is None else Money(minor, "USD")
    command = ScanStaticCode(
        code=VERIFIED, wallet_id=WALLET_ID, wallet_app_id=APP, amount=amount, session_id=session,
        claim_id=CLAIMS[session], lease_seconds=90,
    )  # fmt: skip
    return replace(command, **changes)


def order_of(session: UUID) -> tuple[UUID, str]:
    order_id = f"static:{ids.encode('ps', session)}"
    return Order.stream_id(MERCHANT, order_id), order_id


def opened(session: UUID, minor: int = 700, *, seconds: float = 0, fee: int = 0) -> list[Expected]:
    """The events of a session that the first wallet opens and claims."""
    order_stream, order_id = order_of(session)
    session_id = ids.encode("ps", session)
    created = {
        "merchant_id": MERCHANT, "merchant_name": "Cafe", "order_id": order_id, "amount_minor": minor,
        "currency": "USD", "exponent": 2, "description": "Till 3", "expires_at": at(seconds + 900),
        "expires_in_seconds": 900, "return_url": None, "metadata": {}, "checkout_may_cancel": False,
        "fee_minor": fee, "fee_refund_policy": "proportional", "callback_url": None, "static_code_id": CODE,
    }  # fmt: skip
    facts = {"static_code_id": CODE, "wallet_id": WALLET, "session_id": session_id}
    order = {"merchant_id": MERCHANT, "order_id": order_id, "session_id": session_id}
    return [
        event(CodeSessions.Opened, STREAM, **facts),
        event(Order.Opened, order_stream, **order),
        event(PaymentSession.Created, session, **created),
        claimed(session, session, seconds),
    ]


def claimed(session: UUID, by: UUID, seconds: float) -> Expected:
    return event(
        PaymentSession.Scanned, session, claim_id=ids.encode("clm", CLAIMS[by]), wallet_id=WALLET,
        wallet_app_id=APP, lease_until=at(seconds + 90),
    )  # fmt: skip


def ended(session: UUID, reason: str, **facts: Any) -> list[Expected]:
    """The events of a session that ends: its order is released."""
    order_stream, _ = order_of(session)
    kind = {"expired": PaymentSession.Expired, "cancelled": PaymentSession.Cancelled}[reason]
    released = {"session_id": ids.encode("ps", session), "reason": reason}
    return [event(Order.Released, order_stream, **released), event(kind, session, **facts)]


def test_a_session_is_opened_and_claimed_in_one_append() -> None:
    scenario = given(*READY).when(scan(FIRST))

    scenario.then(*opened(FIRST))
    assert scenario.subject.status is Status.SCANNED
    assert scenario.subject.claim.wallet_id == WALLET


def test_a_fixed_amount_needs_no_amount_of_the_payer() -> None:
    given(*HOLDERS, OPEN, FIXED).when(scan(FIRST, None)).then(*opened(FIRST))
    given(*HOLDERS, OPEN, FIXED).when(scan(FIRST, 700)).then(*opened(FIRST))


def test_the_merchants_fee_is_that_of_the_session() -> None:
    plan = SetFeePlan(merchant_id=MERCHANT_ID, currency="USD", plan=FeePlan(fixed_minor=30))

    given(*READY, plan).when(scan(FIRST)).then(*opened(FIRST, fee=30))


def test_scanning_again_answers_with_the_open_session() -> None:
    scenario = given(*READY, scan(FIRST), Elapsed(899)).when(scan(SECOND))

    scenario.then()
    assert (scenario.subject.id, scenario.subject.claim.id) == (
        FIRST, ids.encode("clm", CLAIMS[FIRST]),
    )  # fmt: skip


def test_a_released_session_is_claimed_anew() -> None:
    release = replace(RELEASE, session_id=FIRST)

    scenario = given(*READY, scan(FIRST), release, Elapsed(5)).when(scan(SECOND))

    scenario.then(claimed(FIRST, SECOND, 5))


def test_after_three_claims_a_new_session_takes_its_place() -> None:
    release = replace(RELEASE, session_id=FIRST)
    again = (scan(FIRST), release)

    scenario = given(*READY, *again, *again, *again).when(scan(SECOND))

    scenario.then(*ended(FIRST, "cancelled", by="payer"), *opened(SECOND))


def test_another_amount_replaces_the_open_session() -> None:
    scenario = given(*READY, scan(FIRST), Elapsed(5)).when(scan(SECOND, 800))

    scenario.then(*ended(FIRST, "cancelled", by="payer"), *opened(SECOND, 800, seconds=5))


def test_a_session_whose_time_is_over_expires_in_the_same_append() -> None:
    scenario = given(*READY, scan(FIRST), Elapsed(900)).when(scan(SECOND))

    scenario.then(*ended(FIRST, "expired", expires_at=at(900)), *opened(SECOND, seconds=900))


def test_after_a_payment_the_next_scan_opens_a_new_session() -> None:
    pay = replace(
        PAY, session_id=FIRST, claim_id=ids.encode("clm", CLAIMS[FIRST]), amount=Money(700, "USD")
    )

    scenario = given(*READY, TOP_UP, scan(FIRST), pay).when(scan(SECOND))

    scenario.then(*opened(SECOND))


def test_another_wallet_has_a_session_of_its_own() -> None:
    other = scan(SECOND, wallet_id=OTHER_WALLET_ID)

    scenario = given(*READY, scan(FIRST)).when(other)

    assert scenario.subject.id == SECOND
    assert {one.topic for one in scenario.log.events[-4:]} == {
        "code_session.opened", "order.opened", "payment_session.created", "payment_session.scanned",
    }  # fmt: skip


def test_another_wallets_claim_on_the_open_session_holds() -> None:
    release = replace(RELEASE, session_id=FIRST)
    friend = replace(SCAN, session_id=FIRST, wallet_id=OTHER_WALLET_ID)

    scenario = given(*READY, scan(FIRST), release, friend).when(scan(SECOND))

    scenario.then(
        refused(
            "session-claimed", session_id=ids.encode("ps", FIRST), lease_until=at(90),
            retry_after_seconds=90,
        )
    )  # fmt: skip


@pytest.mark.parametrize("amount", [Money(99, "USD"), Money(5001, "USD"), Money(700, "EUR")])
def test_an_amount_outside_the_limits_is_refused(amount: Money) -> None:
    given(*READY).when(scan(FIRST, amount=amount)).then(
        refused(
            "amount-outside-limits", static_code_id=CODE, currency="USD", min_minor=100,
            max_minor=5000, offered_minor=amount.minor, offered_currency=amount.currency,
        )
    )  # fmt: skip


def test_another_amount_than_the_fixed_one_is_refused() -> None:
    given(*HOLDERS, OPEN, FIXED).when(scan(FIRST, 701)).then(
        refused(
            "amount-mismatch", static_code_id=CODE, asked_minor=700, asked_currency="USD",
            offered_minor=701, offered_currency="USD",
        )
    )  # fmt: skip


def test_an_open_amount_must_be_stated() -> None:
    given(*READY).when(scan(FIRST, None)).then_invalid("amount")


@pytest.mark.parametrize("before", [(), (scan(FIRST),)], ids=["no session", "an open session"])
def test_a_revoked_code_opens_and_answers_nothing(before: tuple[ScanStaticCode, ...]) -> None:
    given(*READY, *before, REVOKE).when(scan(SECOND)).then(
        refused("invalid-qr", cause="revoked-code", reason="the merchant has revoked it", offset=0)
    )


def test_a_session_that_is_open_when_its_code_is_revoked_can_be_paid() -> None:
    pay = replace(
        PAY, session_id=FIRST, claim_id=ids.encode("clm", CLAIMS[FIRST]), amount=Money(700, "USD")
    )

    scenario = given(*READY, TOP_UP, scan(FIRST), REVOKE).when(pay)

    assert scenario.subject.status is Status.PAID


def test_an_unknown_code_and_an_unknown_wallet_are_not_found() -> None:
    given(*HOLDERS, OPEN).when(scan(FIRST)).then(refused("not-found", thing="static code"))
    given(*READY).when(scan(FIRST, wallet_id=NOBODY)).then(refused("not-found", thing="wallet"))
    given(*READY).when(scan(FIRST, wallet_app_id="app_other")).then(
        refused("not-found", thing="wallet")
    )


def test_a_wallet_in_another_currency_may_scan_and_pays_by_quote() -> None:
    euros = OpenWallet(wallet_id=NOBODY, wallet_app_id=APP, currency=CURRENCIES["EUR"])

    scenario = given(*READY, euros).when(scan(FIRST, wallet_id=NOBODY))

    assert scenario.subject.amount == Money(700, "USD")


def test_a_stream_of_another_kind_is_no_code() -> None:
    address = static_code.address(PUBLIC_URL, SESSION_ID, "K1", KEYS.current().sign)
    code = VerifiedCode(static_code.parse(address, PUBLIC_URL), KEYS.verify)

    given(*READY).when(scan(FIRST, code=code)).then(refused("not-found", thing="static code"))
