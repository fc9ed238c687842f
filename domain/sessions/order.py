"""The order: at most one of its payment sessions may be open or paid."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final, TypedDict
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate, StartsOrContinues
from domain.sessions.errors import OrderOpen

CACHE_SIZE_MAX: Final = 1024
"""Cached ids: a command needs them to load, to decide and to write."""


class Order(LedgerAggregate):
    """A merchant's order id and the session that holds it.

    free ──open──▶ held ──release (expired, cancelled, failed)──▶ free. A paid session keeps it.
    """

    TOPIC = "order"
    STATE_VERSION = 1

    class State(TypedDict):
        """The contents of a snapshot; raise `STATE_VERSION` with every change."""

        merchant_id: str
        order_id: str
        session_id: str | None

    class Event(Aggregate.Event):
        """The base of an order's events."""

        TOPIC = "order.event"

    class Opened(Event, StartsOrContinues):
        """A payment session was opened for the order; the first one starts the stream."""

        TOPIC = "order.opened"
        merchant_id: str
        order_id: str
        session_id: str

        def apply(self, aggregate: Order) -> None:
            """Record the session that holds the order."""
            aggregate.session_id = self.session_id

    class Released(Event):
        """The session that held the order ended without a payment."""

        TOPIC = "order.released"
        session_id: str
        reason: str

        def apply(self, aggregate: Order) -> None:
            """The order is free."""
            aggregate.session_id = None

    @event(Opened)
    def __init__(self, merchant_id: str, order_id: str, session_id: str) -> None:
        self.merchant_id = merchant_id
        self.order_id = order_id
        self.session_id: str | None = session_id

    @staticmethod
    @lru_cache(CACHE_SIZE_MAX)
    def stream_id(merchant_id: str, order_id: str) -> UUID:
        """The stream of a merchant's order; derived, so no lookup is needed."""
        return ids.derive("order", merchant_id, order_id)

    @classmethod
    def open(cls, *, merchant_id: str, order_id: str, session_id: str, at: datetime) -> Order:
        """Open the order's first session."""
        return cls._create(
            cls.Opened,
            id=cls.stream_id(merchant_id, order_id),
            timestamp=at,
            merchant_id=merchant_id,
            order_id=order_id,
            session_id=session_id,
        )

    def reopen(self, *, session_id: str, at: datetime) -> None:
        """Open another session after the last one was released.

        Raises:
            OrderOpen: the last session was not released: it is open or paid.
        """
        if self.session_id is not None:
            raise OrderOpen(order_id=self.order_id, session_id=self.session_id)
        self.trigger_event(
            self.Opened,
            originator_topic=self.TOPIC,
            merchant_id=self.merchant_id,
            order_id=self.order_id,
            session_id=session_id,
            timestamp=at,
        )

    def release(self, *, session_id: str, reason: str, at: datetime) -> None:
        """Release the order if the session holds it; otherwise does nothing."""
        if self.session_id == session_id:
            self.trigger_event(self.Released, session_id=session_id, reason=reason, timestamp=at)
