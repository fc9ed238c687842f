"""ExpireSession: by the ledger's time, and only once."""

from __future__ import annotations

import pytest

from domain.sessions.errors import SessionNotDue
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from tests.support.given import (
    CANCEL,
    CREATE,
    EXPIRE,
    HOLDERS,
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


@pytest.mark.parametrize("scan", [[], [OPEN, SCAN]], ids=["created", "scanned"])
def test_an_open_session_expires_at_its_deadline_and_its_order_is_released(
    scan: list[object],
) -> None:
    scenario = given(*HOLDERS, CREATE, *scan, Elapsed(900)).when(EXPIRE)  # type: ignore[arg-type]

    scenario.then(
        event(Order.Released, ORDER_ID, session_id=SESSION, reason="expired"),
        event(PaymentSession.Expired, SESSION_ID, expires_at=at(900)),
    )
    assert scenario.subject.status is Status.EXPIRED


def test_before_the_deadline_it_is_refused_for_now() -> None:
    scenario = given(*HOLDERS, CREATE, Elapsed(899.999)).when(EXPIRE)

    scenario.then(refused("session-not-due", session_id=SESSION, expires_at=at(900)))
    assert SessionNotDue.kind.transient


@pytest.mark.parametrize(
    ("earlier", "status"),
    [
        ([OPEN, TOP_UP, SCAN, PAY, Elapsed(900)], Status.PAID),
        ([CANCEL, Elapsed(900)], Status.CANCELLED),
        ([Elapsed(900), EXPIRE], Status.EXPIRED),
    ],
    ids=["paid", "cancelled", "expired"],
)
def test_a_session_that_has_ended_stays_as_it_is(earlier: list[Elapsed], status: Status) -> None:
    scenario = given(*HOLDERS, CREATE, *earlier).when(EXPIRE)

    scenario.then()
    assert scenario.subject.status is status


def test_an_unknown_session_is_not_found() -> None:
    scenario = given(*HOLDERS).when(EXPIRE)

    scenario.then(refused("not-found", thing="payment session"))
