"""What a merchant may take out in one currency, without a stream that every payment would write.

Debits (refunds, payouts, disputes) are serialised in this stream. Credits are the net amounts of
`payment_session.paid` and nothing else, so they only grow: if they covered a debit at one position
of the log, they cover it at every later one. What undoes a debit is recorded here too.

    available = credits - debits + returns
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypedDict
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate
from domain.money.currencies import CURRENCIES
from domain.payouts.errors import PayableInsufficient


class DebitKind(StrEnum):
    """What takes money out of a merchant's payable."""

    REFUND = "refund"
    PAYOUT = "payout"
    DISPUTE = "dispute"
    """Involuntary: recorded whether it is covered or not, so it states no credits."""


@dataclass(frozen=True, slots=True)
class Credits:
    """What a merchant has earned in one currency, counted up to a position of the log."""

    minor: int
    position: int


class MerchantDebits(LedgerAggregate):
    """The debits of one merchant in one currency."""

    TOPIC = "payable"
    STATE_VERSION = 1

    class State(TypedDict):
        """The contents of a snapshot; raise `STATE_VERSION` with every change."""

        merchant_id: str
        currency: str
        exponent: int
        debited_minor: int

    class Event(Aggregate.Event):
        """The base of these events."""

        TOPIC = "payable.event"

    class Opened(Event, Aggregate.Created):
        """The merchant's first debit in this currency follows."""

        TOPIC = "payable.opened"
        merchant_id: str
        currency: str
        exponent: int

    class Debited(Event):
        """Money was taken out; states the credits that covered it."""

        TOPIC = "payable.debited"
        kind: str
        subject_id: str
        """The refund or payout."""
        amount_minor: int
        credits_minor: int
        credits_position: int

        def apply(self, aggregate: MerchantDebits) -> None:
            """Count the debit."""
            aggregate.debited_minor += self.amount_minor

    class Restored(Event):
        """A debit was undone."""

        TOPIC = "payable.restored"
        kind: str
        subject_id: str
        amount_minor: int

        def apply(self, aggregate: MerchantDebits) -> None:
            """Count it no longer."""
            aggregate.debited_minor -= self.amount_minor

    @event(Opened)
    def __init__(self, merchant_id: str, currency: str, exponent: int) -> None:
        self.merchant_id = merchant_id
        self.currency = currency
        self.exponent = exponent
        self.debited_minor = 0

    @staticmethod
    def stream_id(merchant_id: UUID, currency: str) -> UUID:
        """The stream of a merchant's debits in a currency."""
        return ids.derive("merchant debits", merchant_id.bytes, currency)

    @classmethod
    def open(cls, *, merchant_id: UUID, currency: str, at: datetime) -> MerchantDebits:
        """Start the stream, with no debit."""
        return cls._create(
            cls.Opened,
            id=cls.stream_id(merchant_id, currency),
            timestamp=at,
            merchant_id=ids.encode("mer", merchant_id),
            currency=currency,
            exponent=CURRENCIES[currency].exponent,
        )

    def available_minor(self, credits: Credits) -> int:
        """What these credits still cover; below zero if debits were recorded unconditionally."""
        return credits.minor - self.debited_minor

    def take(
        self,
        kind: DebitKind,
        subject_id: str,
        *,
        amount_minor: int,
        credits: Credits,
        at: datetime,
    ) -> None:
        """Take money out.

        Args:
            kind: a refund or a payout.
            subject_id: its public id.
            amount_minor: 0 or more; nothing is recorded for 0.
            credits: a lower bound of what the merchant has earned.
            at: the ledger's time, UTC.

        Raises:
            PayableInsufficient: these credits do not cover it. Final only if they were counted up
                to the head of the log when the request arrived.
        """
        available = self.available_minor(credits)
        if amount_minor > max(available, 0):
            raise PayableInsufficient(
                merchant_id=self.merchant_id,
                asked_minor=amount_minor,
                available_minor=max(available, 0),
                currency=self.currency,
            )
        if amount_minor:
            self.trigger_event(
                self.Debited,
                kind=kind.value,
                subject_id=subject_id,
                amount_minor=amount_minor,
                credits_minor=credits.minor,
                credits_position=credits.position,
                timestamp=at,
            )

    def charge(self, subject_id: str, *, amount_minor: int, at: datetime) -> None:
        """Take money out for a dispute, covered or not; nothing is recorded for 0."""
        if amount_minor:
            self.trigger_event(
                self.Debited,
                kind=DebitKind.DISPUTE.value,
                subject_id=subject_id,
                amount_minor=amount_minor,
                credits_minor=0,
                credits_position=0,
                timestamp=at,
            )

    def restore(self, kind: DebitKind, subject_id: str, *, amount_minor: int, at: datetime) -> None:
        """Undo a debit; the caller makes sure that it is undone once."""
        if amount_minor:
            self.trigger_event(
                self.Restored,
                kind=kind.value,
                subject_id=subject_id,
                amount_minor=amount_minor,
                timestamp=at,
            )
