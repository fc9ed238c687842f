"""CreateSession: one open or paid session for each order of a merchant."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from application.command import Command
from domain import ids
from domain.money.money import Money
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from tests.support.given import (
    CANCEL,
    CREATE,
    EXPIRE,
    HOLDERS,
    MERCHANT,
    MERCHANT_ID,
    NOBODY,
    OPEN,
    ORDER_ID,
    PAY,
    SCAN,
    SESSION,
    SESSION_ID,
    TOP_UP,
    Elapsed,
    at,
    event,
    given,
    refused,
)
from tests.support.payloads import NO_FEE

NEXT_ID = UUID("01890a5d-ac96-774b-bcce-b302000000aa")
NEXT = ids.encode("ps", NEXT_ID)
CREATE_NEXT = replace(CREATE, session_id=NEXT_ID)


def created(seconds: float, **fields: object) -> dict[str, object]:
    """The fields of a session created after so many seconds."""
    return {
        "merchant_id": MERCHANT,
        "merchant_name": "Cafe",
        "order_id": "A-1",
        "amount_minor": 1000,
        "currency": "USD",
        "exponent": 2,
        "description": "",
        "expires_at": at(seconds + 900),
        "expires_in_seconds": 900,
        "return_url": None,
        "metadata": {},
        "checkout_may_cancel": False,
        **NO_FEE,
        **fields,
    }


def opened(session_id: str) -> dict[str, str]:
    return {"merchant_id": MERCHANT, "order_id": "A-1", "session_id": session_id}


def test_a_session_is_created_and_holds_its_order() -> None:
    scenario = given(*HOLDERS).when(CREATE)

    scenario.then(
        event(Order.Opened, ORDER_ID, **opened(SESSION)),
        event(PaymentSession.Created, SESSION_ID, **created(0)),
    )
    assert scenario.subject.id == SESSION_ID
    assert scenario.subject.status is Status.CREATED


def test_every_field_of_the_command_is_recorded() -> None:
    fields = {
        "description": "Two coffees",
        "expires_in_seconds": 60,
        "return_url": "https://shop.example/done",
        "metadata": {"table": "7"},
        "checkout_may_cancel": True,
    }

    scenario = given(*HOLDERS).when(replace(CREATE, amount=Money(7, "JPY"), **fields))  # type: ignore[arg-type]

    money = {"amount_minor": 7, "currency": "JPY", "exponent": 0, "expires_at": at(60)}
    scenario.then(
        event(Order.Opened, ORDER_ID, **opened(SESSION)),
        event(PaymentSession.Created, SESSION_ID, **created(0, **fields, **money)),
    )


def test_an_unknown_merchant_is_refused() -> None:
    scenario = given(*HOLDERS).when(replace(CREATE, merchant_id=NOBODY))

    scenario.then(refused("not-found", thing="merchant"))


def test_a_return_url_on_another_host_is_refused() -> None:
    given(*HOLDERS).when(replace(CREATE, return_url="https://other.example/")).then_invalid(
        "return_url"
    )


def test_an_order_with_an_open_session_is_refused() -> None:
    scenario = given(*HOLDERS, CREATE, Elapsed(899)).when(CREATE_NEXT)

    scenario.then(refused("order-open", order_id="A-1", session_id=SESSION))


def test_an_order_with_a_paid_session_is_refused() -> None:
    scenario = given(*HOLDERS, OPEN, TOP_UP, CREATE, SCAN, PAY, Elapsed(5000)).when(CREATE_NEXT)

    scenario.then(refused("order-paid", order_id="A-1", session_id=SESSION))


def test_after_the_deadline_the_old_session_is_expired_first() -> None:
    scenario = given(*HOLDERS, CREATE, Elapsed(900)).when(CREATE_NEXT)

    scenario.then(
        event(PaymentSession.Expired, SESSION_ID, expires_at=at(900)),
        event(Order.Released, ORDER_ID, session_id=SESSION, reason="expired"),
        event(Order.Opened, ORDER_ID, **opened(NEXT)),
        event(PaymentSession.Created, NEXT_ID, **created(900)),
    )


@pytest.mark.parametrize(("end", "seconds"), [(CANCEL, 1), (EXPIRE, 900)])
def test_an_order_is_free_again_once_its_session_has_ended(end: Command, seconds: int) -> None:
    scenario = given(*HOLDERS, CREATE, Elapsed(seconds), end).when(CREATE_NEXT)

    scenario.then(
        event(Order.Opened, ORDER_ID, **opened(NEXT)),
        event(PaymentSession.Created, NEXT_ID, **created(seconds)),
    )


def test_the_same_order_id_of_another_merchant_is_another_order() -> None:
    other = replace(HOLDERS[0], merchant_id=NOBODY)

    scenario = given(*HOLDERS, other, CREATE).when(replace(CREATE_NEXT, merchant_id=NOBODY))

    public_id = ids.encode("mer", NOBODY)
    assert MERCHANT_ID != NOBODY
    scenario.then(
        event(
            Order.Opened,
            Order.stream_id(public_id, "A-1"),
            merchant_id=public_id,
            order_id="A-1",
            session_id=NEXT,
        ),
        event(PaymentSession.Created, NEXT_ID, **created(0, merchant_id=public_id)),
    )
