"""Orders: at most one session at a time, whatever the caller checked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from domain.sessions.errors import OrderOpen
from domain.sessions.order import Order
from tests.support.aggregates import Fact, fact, given

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LATER = datetime(2026, 5, 2, tzinfo=UTC)


def opened(session_id: str, at: datetime = NOW) -> Fact:
    return fact(Order.Opened, at, merchant_id="mer_1", order_id="A-1", session_id=session_id)


def released(session_id: str) -> Fact:
    return fact(Order.Released, LATER, session_id=session_id, reason="expired")


def reopen(session_id: str) -> Callable[[Order], None]:
    return lambda order: order.reopen(session_id=session_id, at=LATER)


def release(session_id: str) -> Callable[[Order], None]:
    return lambda order: order.release(session_id=session_id, reason="expired", at=LATER)


def test_the_first_session_starts_the_orders_stream() -> None:
    scenario = (
        given()
        .when(lambda _: Order.open(merchant_id="mer_1", order_id="A-1", session_id="ps_1", at=NOW))
        .then(opened("ps_1"))
    )

    assert scenario.aggregate.id == Order.stream_id("mer_1", "A-1")
    assert len({Order.stream_id(m, o) for m in ("mer_1", "mer_2") for o in ("A", "B")}) == 4


def test_an_order_that_a_session_holds_is_not_opened_again() -> None:
    scenario = (
        given(opened("ps_1"))
        .when(reopen("ps_2"))
        .then(OrderOpen(order_id="A-1", session_id="ps_1"))
    )

    assert scenario.aggregate.session_id == "ps_1"


def test_only_the_session_that_holds_the_order_releases_it() -> None:
    given(opened("ps_1")).when(release("ps_2")).then()
    given(opened("ps_1"), released("ps_1")).when(release("ps_1")).then()


def test_a_released_order_is_opened_by_the_next_session() -> None:
    scenario = (
        given(opened("ps_1"))
        .when(release("ps_1"))
        .then(released("ps_1"))
        .when(reopen("ps_2"))
        .then(opened("ps_2", LATER))
    )

    assert scenario.aggregate.session_id == "ps_2"
