"""A merchant asks to be paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Loaded
from domain import ids
from domain.merchants.merchant import Merchant
from domain.money.money import Money
from domain.sessions.errors import OrderOpen, OrderPaid
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import LIFETIME_SECONDS_DEFAULT, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSession(Command):
    """Open a payment session for an order; the order may have one open or paid session."""

    session_id: UUID
    merchant_id: UUID
    order_id: str
    amount: Money
    description: str = ""
    expires_in_seconds: int = LIFETIME_SECONDS_DEFAULT
    return_url: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    checkout_may_cancel: bool = False

    @property
    def order_stream(self) -> UUID:
        """The guard of this merchant's order."""
        return Order.stream_id(ids.encode("mer", self.merchant_id), self.order_id)

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The payee and the guard."""
        return (self.merchant_id, self.order_stream)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The guard; the payee is only read."""
        return (self.order_stream,)


def create_session(command: CreateSession, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `CreateSession`.

    Raises (checked in this order):
        NotFound: no such merchant.
        InvalidRequest: `return_url` is not on a host the merchant registered.
        OrderPaid, OrderOpen: the order has such a session, named in the facts.
    """
    merchant = loaded.get(Merchant, command.merchant_id, "merchant")
    if command.return_url is not None:
        merchant.check_return_url(command.return_url)
    session = PaymentSession.create(
        session_id=command.session_id,
        merchant_id=merchant.public_id,
        merchant_name=merchant.name,
        order_id=command.order_id,
        amount=command.amount,
        at=loaded.now,
        expires_in_seconds=command.expires_in_seconds,
        description=command.description,
        return_url=command.return_url,
        metadata=command.metadata,
        checkout_may_cancel=command.checkout_may_cancel,
    )
    order = loaded.find(Order, command.order_stream)
    if order is None:
        order = Order.open(
            merchant_id=merchant.public_id,
            order_id=command.order_id,
            session_id=session.public_id,
            at=loaded.now,
        )
        return [order, session]
    ended = _end_holder(order, loaded)
    order.reopen(session_id=session.public_id, at=loaded.now)
    return [*ended, order, session]


def _end_holder(order: Order, loaded: Loaded) -> list[Aggregate]:
    """Record that the session which holds the order has expired, if its time is over."""
    if order.session_id is None:
        return []
    holder = loaded.get(PaymentSession, ids.decode("ps", order.session_id), "payment session")
    if holder.status is Status.PAID:
        raise OrderPaid(order_id=order.order_id, session_id=holder.public_id)
    if not loaded.reached(holder.expires_at) or not holder.expire(at=loaded.now):
        raise OrderOpen(order_id=order.order_id, session_id=holder.public_id)
    order.release(session_id=holder.public_id, reason=Status.EXPIRED.value, at=loaded.now)
    return [holder]
