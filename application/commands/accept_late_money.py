"""A merchant accepts money that arrived after its session had ended."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Decision, Loaded
from application.commands._support import free_order, own_session
from domain import ids
from domain.processors.suspense import Suspense
from domain.sessions.attempt import Attempt, Flag
from domain.sessions.attempt_records import pay_by_attempt
from domain.sessions.errors import NothingToAccept, OrderPaid
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptLateMoney(Command):
    """Take late money as the payment: suspense, order and session record it in one append."""

    session_id: UUID
    merchant_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; it names the other streams."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Pay the session with the money in suspense; returns one that has been so as it is.

        A session that has ended takes its order again.

        Raises (checked in this order):
            NotFound: the merchant has no such session.
            OrderPaid: the session was paid in another way.
            PaymentInFlight: a processor is working on another attempt.
            NothingToAccept: no money of the session's amount is in suspense, or it goes back.
            OrderPaid, OrderOpen: another session has the order; its id is in the facts.
        """
        session = own_session(
            loaded.get(PaymentSession, self.session_id, "payment session"), self.merchant_id
        )
        if session.payment is not None:
            if (Flag.LATE, session.payment.attempt_id) in session.flagged:
                return Decision(session)
            raise OrderPaid(order_id=session.order_id, session_id=session.public_id)
        session.check_not_in_flight()
        attempt, entry = self._find(session, loaded)
        loaded.reached(session.expires_at)
        opened: list[Aggregate] = []
        if session.status not in OPEN:
            order = loaded.get(
                Order, Order.stream_id(session.merchant_id, session.order_id), "order"
            )
            opened = [*free_order(order, loaded), order]
            order.reopen(session_id=session.public_id, at=loaded.now)
        entry.accept(order_opened=bool(opened), at=loaded.now)
        pay_by_attempt(session, attempt, at=loaded.now)
        return Decision(session, [*opened, entry, session])

    def _find(self, session: PaymentSession, loaded: Loaded) -> tuple[Attempt, Suspense]:
        for attempt in session.attempts.values():
            if attempt.suspense_id is None:
                continue
            entry = loaded.get(Suspense, ids.decode("sus", attempt.suspense_id), "suspense entry")
            loaded.reached(entry.accept_until)
            if entry.may_be_accepted(loaded.now):
                return attempt, entry
        raise NothingToAccept(session_id=session.public_id)
