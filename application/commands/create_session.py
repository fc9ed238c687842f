"""A merchant creates a payment session for an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import free_order
from domain import ids
from domain.merchants.merchant import Merchant
from domain.money.money import Money
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import LIFETIME_SECONDS_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSession(Command):
    """Create a session for an order that has no open or paid session."""

    session_id: UUID
    merchant_id: UUID
    order_id: str
    amount: Money
    description: str = ""
    expires_in_seconds: int = LIFETIME_SECONDS_DEFAULT
    return_url: str | None = None
    callback_url: str | None = None
    """Where notices of this session go, beside the merchant's webhook endpoints."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    checkout_may_cancel: bool = False

    @property
    def order_stream(self) -> UUID:
        """The stream of the merchant's order."""
        return Order.stream_id(ids.encode("mer", self.merchant_id), self.order_id)

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant and the order."""
        return (self.merchant_id, self.order_stream)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The order; the merchant is only read."""
        return (self.order_stream,)

    def decide(self, loaded: Loaded) -> Decision:
        """Create the session and reserve the order for it.

        Expires the session that held the order before, if that one is due.

        Raises (checked in this order):
            NotFound: there is no such merchant.
            InvalidRequest: `return_url` or `callback_url` is not on one of the merchant's return
                hosts; names both if neither is.
            OrderPaid, OrderOpen: the order has such a session; its id is in the facts.
        """
        merchant = loaded.get(Merchant, self.merchant_id, "merchant")
        merchant.check_urls({"return_url": self.return_url, "callback_url": self.callback_url})
        session = PaymentSession.create(
            session_id=self.session_id,
            merchant_id=merchant.public_id,
            merchant_name=merchant.name,
            order_id=self.order_id,
            amount=self.amount,
            at=loaded.now,
            expires_in_seconds=self.expires_in_seconds,
            description=self.description,
            return_url=self.return_url,
            callback_url=self.callback_url,
            metadata=self.metadata,
            checkout_may_cancel=self.checkout_may_cancel,
            fee=merchant.fee(self.amount),
        )
        order = loaded.find(Order, self.order_stream)
        if order is None:
            order = Order.open(
                merchant_id=merchant.public_id,
                order_id=self.order_id,
                session_id=session.public_id,
                at=loaded.now,
            )
            return Decision(session, [order, session])
        expired = free_order(order, loaded)
        order.reopen(session_id=session.public_id, at=loaded.now)
        return Decision(session, [*expired, order, session])
