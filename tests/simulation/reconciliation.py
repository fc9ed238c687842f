"""At the end: the processor's own records against the ledger's, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application import callbacks
from application.checks.violation import Violation
from application.event_log import fold, history
from application.ports.processor import State
from domain import ids
from domain.money.money import Money
from domain.processors.suspense import Suspense, SuspenseStatus
from domain.sessions.attempt import Attempt, Flag
from domain.sessions.dispute_events import DisputeStatus
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import RefundStatus
from domain.sessions.state import Funding, Status
from tests.simulation.faulty_log import VirtualLog
from tests.simulation.processor import NAME, Held, SimulatedProcessor

_DISPUTES = {
    State.DISPUTE_OPENED: DisputeStatus.OPEN,
    State.DISPUTE_WON: DisputeStatus.WON,
    State.DISPUTE_LOST: DisputeStatus.LOST,
}


class Reconciliation:
    """Every captured amount is one payment, or was returned or accepted from suspense, once."""

    def __init__(self, log: VirtualLog, processor: SimulatedProcessor) -> None:
        self._log, self._processor = log, processor
        self._sessions: dict[str, PaymentSession] = {}

    def run(self) -> Iterator[Violation]:
        """Everything that does not agree."""
        for text in self._processor.contradictions:
            yield Violation("one-charge-per-attempt", 0, text)
        for held in self._processor.charges.values():
            session = self._session(held.charge.session_id)
            attempt = session.attempts[held.charge.attempt_id]
            for reference, money in held.taken:
                yield from self._capture(held, session, attempt, reference, money)
            yield from self._disputes(held, session)
        for reference, money in self._processor.phantoms:
            yield from self._suspended(reference, money, "taken for nobody")

    def locked(self, stream_id: Any) -> str:
        """Why a session is processing although it is not flagged; empty if it is in order."""
        session: PaymentSession = fold(history(self._log, stream_id))
        if session.status is not Status.PROCESSING or Flag.UNRESOLVED in session.flags:
            return ""
        return f"{session.public_id} is processing and not flagged"

    def refunds(self, stream_id: Any) -> Iterator[Violation]:
        """Each refund of a session is as the processor has it."""
        session: PaymentSession = fold(history(self._log, stream_id))
        if session.payment is None or session.payment.funding is Funding.WALLET:
            return
        for refund in session.refunds.values():
            key = callbacks.make_key(stream_id, "ref", ids.decode("ref", refund.id))
            given = self._processor.refunds.get(key)
            made = given is not None and given.state is State.REFUNDED
            same = given is None or given.order.amount.minor == refund.amount_minor
            pending = refund.status is RefundStatus.PENDING
            if pending or not same or made != (refund.status is RefundStatus.SUCCEEDED):
                text = f"{refund.id} is {refund.status}, the processor has {given}"
                yield Violation("refunds-agree", 0, text)

    def _session(self, public_id: str) -> PaymentSession:
        if public_id not in self._sessions:
            self._sessions[public_id] = fold(history(self._log, ids.decode("ps", public_id)))
        return self._sessions[public_id]

    def _entry(self, reference: str) -> Suspense | None:
        events = history(self._log, Suspense.stream_id(NAME, reference))
        return fold(events) if events else None

    def _capture(
        self, held: Held, session: PaymentSession, attempt: Attempt, reference: str, money: Money
    ) -> Iterator[Violation]:
        payment, entry = session.payment, self._entry(reference)
        name = f"{held.charge.key} ({held.plan}) has taken {money} as {reference}"
        paid = payment is not None and payment.attempt_id == attempt.id
        paid = paid and attempt.reference == reference
        if paid and (entry is None or entry.status is SuspenseStatus.ACCEPTED):
            if money != session.amount:
                yield Violation("captured-once", 0, f"{name}, and it paid {session.amount}")
        elif paid:
            yield from self._suspended(
                reference, Money(money.minor - session.amount.minor, money.currency), name
            )
        elif entry is not None:
            yield from self._suspended(reference, money, name)
        elif not (attempt.active and Flag.UNRESOLVED in session.flags):
            text = f"{name}, and it is nowhere: {session.status} {session.flags} {attempt.status}"
            yield Violation("captured-once", 0, text)

    def _suspended(self, reference: str, money: Money, name: str) -> Iterator[Violation]:
        """The money was put into suspense and has gone back, once."""
        entry = self._entry(reference)
        given = self._processor.refunds.get(entry.public_id) if entry else None
        if entry is None or entry.amount != money or entry.status is not SuspenseStatus.RETURNED:
            found = (entry.amount, entry.status) if entry else None
            yield Violation("captured-once", 0, f"{name}: {found} in suspense of {money}")
        elif given is None or given.state is not State.REFUNDED or given.order.amount != money:
            yield Violation("captured-once", 0, f"{name}: returned, the processor has {given}")

    def _disputes(self, held: Held, session: PaymentSession) -> Iterator[Violation]:
        """A dispute of the payment is known; one of other money concerns no merchant."""
        payment = session.payment
        paid = payment is not None and payment.attempt_id == held.charge.attempt_id
        recorded = {one.reference: one.status for one in session.disputes.values()}
        for reference, state in held.disputes.items():
            expected = _DISPUTES[state] if paid else None
            if recorded.get(reference) != expected:
                text = f"{reference} of {session.public_id} is {recorded.get(reference)}, not {expected}"
                yield Violation("disputes-agree", 0, text)
