"""CancelSession: the session ends and its order is released."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from tests.support.given import (
    CANCEL,
    CREATE,
    EXPIRE,
    HOLDERS,
    NOBODY,
    ORDER_ID,
    SESSION,
    SESSION_ID,
    Elapsed,
    event,
    given,
    refused,
)


@pytest.mark.parametrize("by", ["merchant", "checkout"])
def test_an_open_session_is_cancelled_and_its_order_released(by: str) -> None:
    scenario = given(*HOLDERS, CREATE).when(replace(CANCEL, by=by))

    scenario.then(
        event(Order.Released, ORDER_ID, session_id=SESSION, reason="cancelled"),
        event(PaymentSession.Cancelled, SESSION_ID, by=by),
    )
    assert scenario.subject.status is Status.CANCELLED


def test_an_unknown_session_is_not_found() -> None:
    scenario = given(*HOLDERS).when(CANCEL)

    scenario.then(refused("not-found", thing="payment session"))


def test_another_merchants_session_is_not_found() -> None:
    scenario = given(*HOLDERS, CREATE).when(replace(CANCEL, merchant_id=f"mer_{NOBODY}"))

    scenario.then(refused("not-found", thing="payment session"))


@pytest.mark.parametrize(
    ("earlier", "status"),
    [([CANCEL], "cancelled"), ([Elapsed(900)], "expired"), ([Elapsed(900), EXPIRE], "expired")],
)
def test_a_session_that_has_ended_cannot_be_cancelled(earlier: list[Elapsed], status: str) -> None:
    scenario = given(*HOLDERS, CREATE, *earlier).when(CANCEL)

    scenario.then(refused("session-not-payable", session_id=SESSION, session_status=status))
