"""Settlements: a processor pays what it has captured for us to the bank."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids, text
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest
from domain.money.currencies import Currency
from domain.money.money import AMOUNT_MINOR_MAX
from domain.processors.errors import SettlementMismatch
from domain.processors.names import check_processor
from domain.sessions.attempt import REFERENCE_CHARS_MAX


class Settlement(LedgerAggregate):
    """One payment by a processor to the bank, known by the processor's reference.

        gross = received + fee + difference

    Only what has been received, and the processor's fee, reduce what the processor owes us; a
    difference to its statement stays receivable until it is explained.
    """

    TOPIC = "settlement"

    class Event(Aggregate.Event):
        """The base of a settlement's events."""

        TOPIC = "settlement.event"

    class Received(Event, Aggregate.Created):
        """The bank received a processor's payment."""

        TOPIC = "settlement.received"
        processor: str
        reference: str
        currency: str
        exponent: int
        gross_minor: int
        """What the processor says it settles, before its fee."""
        fee_minor: int
        """The processor's."""
        received_minor: int
        """What the bank has received."""
        difference_minor: int
        """What is missing; negative: what was received beyond the statement."""

    @event(Received)
    def __init__(
        self,
        processor: str,
        reference: str,
        currency: str,
        exponent: int,
        gross_minor: int,
        fee_minor: int,
        received_minor: int,
        difference_minor: int,
    ) -> None:
        self.processor = processor
        self.reference = reference
        self.currency = currency
        self.exponent = exponent
        self.gross_minor = gross_minor
        self.fee_minor = fee_minor
        self.received_minor = received_minor
        self.difference_minor = difference_minor

    @staticmethod
    def stream_id(processor: str, reference: str) -> UUID:
        """The stream of a settlement."""
        return ids.derive("settlement", processor, reference)

    @classmethod
    def receive(
        cls,
        *,
        processor: str,
        reference: str,
        currency: Currency,
        gross_minor: int,
        fee_minor: int,
        received_minor: int,
        at: datetime,
    ) -> Settlement:
        """Record a settlement.

        Raises (checked in this order):
            InvalidRequest: the processor is not a name; the reference is empty, too long or not
                acceptable text; an amount is negative or out of range; or all are zero.
        """
        check_processor(processor)
        text.check("reference", reference)
        if not 1 <= len(reference) <= REFERENCE_CHARS_MAX:
            reason = f"must have 1 to {REFERENCE_CHARS_MAX} characters"
            raise InvalidRequest.of("reference", reason)
        for name, minor in (
            ("gross", gross_minor),
            ("fee", fee_minor),
            ("received", received_minor),
        ):
            if not 0 <= minor <= AMOUNT_MINOR_MAX:
                raise InvalidRequest.of(name, f"must be from 0 to {AMOUNT_MINOR_MAX}")
        if not received_minor + fee_minor:
            raise InvalidRequest.of("received", "nothing is settled")
        return cls._create(
            cls.Received,
            id=cls.stream_id(processor, reference),
            timestamp=at,
            processor=processor,
            reference=reference,
            currency=currency.code,
            exponent=currency.exponent,
            gross_minor=gross_minor,
            fee_minor=fee_minor,
            received_minor=received_minor,
            difference_minor=gross_minor - fee_minor - received_minor,
        )

    @property
    def public_id(self) -> str:
        """Public TypeID."""
        return ids.encode("stl", self.id)

    def check_same(
        self, *, currency: str, gross_minor: int, fee_minor: int, received_minor: int
    ) -> None:
        """Check that a settlement that is reported again has the same figures.

        Raises:
            SettlementMismatch: it has others.
        """
        known = (self.currency, self.gross_minor, self.fee_minor, self.received_minor)
        if known != (currency, gross_minor, fee_minor, received_minor):
            raise SettlementMismatch(processor=self.processor, reference=self.reference)
