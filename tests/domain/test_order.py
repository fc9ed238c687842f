"""One session at a time holds an order, whatever the caller checked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.sessions.errors import OrderOpen
from domain.sessions.order import Order

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def an_order() -> Order:
    order = Order.open(merchant_id="mer_1", order_id="A-1", session_id="ps_1", at=NOW)
    order.collect_events()
    return order


def test_an_order_that_is_held_is_not_taken() -> None:
    order = an_order()

    with pytest.raises(OrderOpen) as refused:
        order.reopen(session_id="ps_2", at=NOW)

    assert refused.value.facts == {"order_id": "A-1", "session_id": "ps_1"}
    assert (order.session_id, order.pending_events) == ("ps_1", [])


def test_an_order_is_freed_by_the_session_that_holds_it_and_taken_by_the_next() -> None:
    order = an_order()

    order.release(session_id="ps_2", reason="expired", at=NOW)
    assert (order.session_id, order.pending_events) == ("ps_1", [])
    order.release(session_id="ps_1", reason="expired", at=NOW)
    order.reopen(session_id="ps_2", at=NOW)

    assert order.session_id == "ps_2"
    assert [type(one) for one in order.pending_events] == [Order.Released, Order.Opened]
