"""Suspense: money that a processor has captured and that is no session's payment."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids, text, times
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest
from domain.money.money import Money, check_range, known_currency
from domain.processors.errors import SuspenseClosed, SuspenseNotDue
from domain.processors.names import check_processor
from domain.sessions.attempt import REFERENCE_CHARS_MAX


class SuspenseReason(StrEnum):
    """Why money is in suspense; but for the last one, the flag of its session."""

    LATE = "late"
    UNDER = "under"
    OVER = "over"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    UNMATCHED = "unmatched"
    """The ledger has no attempt of this reference."""


class SuspenseStatus(StrEnum):
    """The status of an entry; the last two are final."""

    RECEIVED = "received"
    RETURN_REQUESTED = "return_requested"
    """The processor is asked to give the money back; it cannot be accepted any more."""
    ACCEPTED = "accepted"
    RETURNED = "returned"


class Suspense(LedgerAggregate):
    """One amount of money in suspense, known by the processor's reference of its capture.

        received ──request return──▶ return_requested ──return──▶ returned
            └──accept──▶ accepted

    Late money may be accepted strictly before `accept_until`, and is sent back from then on, so
    that never both happen.
    """

    TOPIC = "suspense"

    class Event(Aggregate.Event):
        """The base of these events."""

        TOPIC = "suspense.event"

    class Received(Event, Aggregate.Created):
        """Money arrived that is no session's payment."""

        TOPIC = "suspense.received"
        processor: str
        reference: str
        """The processor's, of the capture."""
        reason: str
        amount_minor: int
        currency: str
        exponent: int
        session_id: str | None
        attempt_id: str | None
        merchant_id: str | None
        accept_until: str
        """The merchant may accept it before this; at the time of the event: never."""

    class ReturnRequested(Event):
        """The money is to be returned by the processor; states what that needs."""

        TOPIC = "suspense.return_requested"
        processor: str
        reference: str
        amount_minor: int
        currency: str
        exponent: int

        def apply(self, aggregate: Suspense) -> None:
            """The processor is asked now."""
            aggregate.status = SuspenseStatus.RETURN_REQUESTED

    class Accepted(Event):
        """The merchant took late money as the payment of its session."""

        TOPIC = "suspense.accepted"
        session_id: str
        order_opened: bool
        """Whether the session took its order again; a session that was open has it."""
        processor: str
        amount_minor: int
        currency: str
        exponent: int

        def apply(self, aggregate: Suspense) -> None:
            """The entry is closed."""
            aggregate.status = SuspenseStatus.ACCEPTED

    class Returned(Event):
        """The processor has given the money back to the payer."""

        TOPIC = "suspense.returned"
        processor: str
        amount_minor: int
        currency: str
        exponent: int

        def apply(self, aggregate: Suspense) -> None:
            """The entry is closed."""
            aggregate.status = SuspenseStatus.RETURNED

    @event(Received)
    def __init__(
        self,
        processor: str,
        reference: str,
        reason: str,
        amount_minor: int,
        currency: str,
        exponent: int,
        session_id: str | None,
        attempt_id: str | None,
        merchant_id: str | None,
        accept_until: str,
    ) -> None:
        self.processor = processor
        self.reference = reference
        self.reason = SuspenseReason(reason)
        self.amount = Money(amount_minor, currency)
        self.exponent = exponent
        self.session_id = session_id
        self.attempt_id = attempt_id
        self.merchant_id = merchant_id
        self.accept_until = times.from_text(accept_until)
        self.status = SuspenseStatus.RECEIVED

    @staticmethod
    def stream_id(processor: str, reference: str) -> UUID:
        """The stream of a capture's money: there is one entry at most."""
        return ids.derive("suspense", processor, reference)

    @classmethod
    def receive(
        cls,
        *,
        processor: str,
        reference: str,
        reason: SuspenseReason,
        amount: Money,
        accept_until: datetime,
        at: datetime,
        session_id: str | None = None,
        attempt_id: str | None = None,
        merchant_id: str | None = None,
    ) -> Suspense:
        """Record the money; what nobody may accept is to be returned at once.

        Raises (checked in this order):
            InvalidRequest: the processor is not a name; the reference is empty, too long or not
                acceptable text; the amount is out of range or in no known currency.
        """
        check_processor(processor)
        text.check("reference", reference)
        if not 1 <= len(reference) <= REFERENCE_CHARS_MAX:
            reason_text = f"must have 1 to {REFERENCE_CHARS_MAX} characters"
            raise InvalidRequest.of("reference", reason_text)
        known_currency(amount.currency, name="amount.currency")
        check_range(amount.minor)
        entry = cls._create(
            cls.Received,
            id=cls.stream_id(processor, reference),
            timestamp=at,
            processor=processor,
            reference=reference,
            reason=reason.value,
            amount_minor=amount.minor,
            currency=amount.currency,
            exponent=amount.exponent,
            session_id=session_id,
            attempt_id=attempt_id,
            merchant_id=merchant_id,
            accept_until=times.to_text(max(accept_until, at)),
        )
        if accept_until <= at:
            entry.request_return(at=at)
        return entry

    @property
    def public_id(self) -> str:
        """Public TypeID."""
        return ids.encode("sus", self.id)

    def may_be_accepted(self, at: datetime) -> bool:
        """Whether the merchant may take the money; `reached(accept_until)` must guard this."""
        return self.status is SuspenseStatus.RECEIVED and at < self.accept_until

    def accept(self, *, order_opened: bool, at: datetime) -> None:
        """Take the money as the session's payment; the caller has checked that it may."""
        self.trigger_event(
            self.Accepted,
            session_id=self.session_id,
            order_opened=order_opened,
            timestamp=at,
            **self._figures(),
        )

    def request_return(self, *, at: datetime) -> None:
        """Record that the money is to be returned; nothing if that is known, or it was accepted.

        Raises:
            SuspenseNotDue: the merchant may still accept it.
        """
        if self.status is not SuspenseStatus.RECEIVED:
            return
        if at < self.accept_until:
            until = times.to_text(self.accept_until)
            raise SuspenseNotDue(suspense_id=self.public_id, accept_until=until)
        self.trigger_event(
            self.ReturnRequested, reference=self.reference, timestamp=at, **self._figures()
        )

    def give_back(self, *, at: datetime) -> None:
        """Record that the processor has given the money back; nothing if that is known.

        Raises:
            SuspenseClosed: it was accepted, or nobody has asked for it to be returned.
        """
        if self.status is SuspenseStatus.RETURNED:
            return
        if self.status is not SuspenseStatus.RETURN_REQUESTED:
            raise SuspenseClosed(suspense_id=self.public_id, suspense_status=self.status.value)
        self.trigger_event(self.Returned, timestamp=at, **self._figures())

    def _figures(self) -> dict[str, str | int]:
        return {
            "processor": self.processor,
            "amount_minor": self.amount.minor,
            "currency": self.amount.currency,
            "exponent": self.exponent,
        }
