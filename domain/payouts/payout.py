"""The payout: money sent to a merchant's bank account."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids, text
from domain.aggregate import LedgerAggregate
from domain.money.money import Money, check_amount
from domain.payouts.account_numbers import may_be_account_number

REASON_CHARS_MAX: Final = 200
REFERENCE_CHARS_MAX: Final = 80
WITHHELD: Final = "withheld: the bank's reason may name an account"


class PayoutStatus(StrEnum):
    """The status of a payout; `settled` may still become `returned`."""

    REQUESTED = "requested"
    SENT = "sent"
    SETTLED = "settled"
    RETURNED = "returned"


class Payout(LedgerAggregate):
    """Money sent to the destination that the operator registered for the merchant.

        requested ──fund, send──▶ sent ──settle──▶ settled
            │                      │                  │
            └──────────────────────┴──── return ──────┴──▶ returned

    A payout stays `requested` until the treasury has set its money aside (`funded`) and the bank
    has accepted it. A bank's refusal is a return with its reason. Each event states what its
    postings need.
    """

    TOPIC = "payout"

    class Event(Aggregate.Event):
        """The base of a payout's events."""

        TOPIC = "payout.event"

    class Requested(Event, Aggregate.Created):
        """The merchant, or its schedule, asked for the payout; the money is in transit."""

        TOPIC = "payout.requested"
        merchant_id: str
        amount_minor: int
        currency: str
        exponent: int
        destination: str
        """The operator's reference of a bank account, never its number."""

    class Funded(Event):
        """The treasury has set the money aside; states what the transfer needs."""

        TOPIC = "payout.funded"
        amount_minor: int
        currency: str
        exponent: int
        destination: str

        def apply(self, aggregate: Payout) -> None:
            """The bank may be asked now."""
            aggregate.funded = True

    class Sent(Event):
        """The bank accepted the transfer."""

        TOPIC = "payout.sent"
        bank_reference: str

        def apply(self, aggregate: Payout) -> None:
            """Wait for the bank's settlement."""
            aggregate.status = PayoutStatus.SENT
            aggregate.bank_reference = self.bank_reference

    class Settled(Event):
        """The money has left the bank."""

        TOPIC = "payout.settled"
        merchant_id: str
        amount_minor: int
        currency: str
        exponent: int

        def apply(self, aggregate: Payout) -> None:
            """The merchant has the money."""
            aggregate.status = PayoutStatus.SETTLED

    class Returned(Event):
        """The bank refused the transfer, or sent the money back."""

        TOPIC = "payout.returned"
        merchant_id: str
        amount_minor: int
        currency: str
        exponent: int
        after_settlement: bool
        reason: str

        def apply(self, aggregate: Payout) -> None:
            """The money is the merchant's payable again."""
            aggregate.status = PayoutStatus.RETURNED
            aggregate.reason = self.reason

    @event(Requested)
    def __init__(
        self, merchant_id: str, amount_minor: int, currency: str, exponent: int, destination: str
    ) -> None:
        self.merchant_id = merchant_id
        self.amount = Money(amount_minor, currency)
        self.exponent = exponent
        self.destination = destination
        self.status = PayoutStatus.REQUESTED
        self.funded = False
        self.bank_reference = ""
        self.reason = ""

    @classmethod
    def request(
        cls, *, payout_id: UUID, merchant_id: str, amount: Money, destination: str, at: datetime
    ) -> Payout:
        """Ask for a payout; the caller also debits the merchant, and records both or neither.

        Raises:
            InvalidRequest: the currency is not in use, or the amount is out of range.
        """
        check_amount(amount.minor, amount.currency)
        return cls._create(
            cls.Requested,
            id=payout_id,
            timestamp=at,
            merchant_id=merchant_id,
            amount_minor=amount.minor,
            currency=amount.currency,
            exponent=amount.exponent,
            destination=destination,
        )

    @property
    def public_id(self) -> str:
        """Public TypeID."""
        return ids.encode("pay", self.id)

    def fund(self, *, at: datetime) -> bool:
        """Record that its money is set aside; returns whether that was still to be done.

        The caller sets the money aside in the treasury, and records both or neither.
        """
        if self.funded or self.status is not PayoutStatus.REQUESTED:
            return False
        self.trigger_event(
            self.Funded,
            amount_minor=self.amount.minor,
            currency=self.amount.currency,
            exponent=self.exponent,
            destination=self.destination,
            timestamp=at,
        )
        return True

    def send(self, *, bank_reference: str, at: datetime) -> None:
        """Record that the bank accepted the transfer; nothing unless it is funded and not sent."""
        if self.funded and self.status is PayoutStatus.REQUESTED:
            reference = text.replace_unacceptable(bank_reference)[:REFERENCE_CHARS_MAX]
            self.trigger_event(self.Sent, bank_reference=reference, timestamp=at)

    def settle(self, *, at: datetime) -> None:
        """Record that the money has left the bank; nothing unless it was sent."""
        if self.status is PayoutStatus.SENT:
            self.trigger_event(self.Settled, timestamp=at, **self._figures())

    def give_back(self, *, reason: str, at: datetime) -> bool:
        """Record a refusal or return; returns whether it had not been returned before.

        The reason is the bank's. It is withheld if it may contain an account number.
        """
        if self.status is PayoutStatus.RETURNED:
            return False
        reason = text.replace_unacceptable(reason)[:REASON_CHARS_MAX]
        self.trigger_event(
            self.Returned,
            after_settlement=self.status is PayoutStatus.SETTLED,
            reason=WITHHELD if may_be_account_number(reason) else reason,
            timestamp=at,
            **self._figures(),
        )
        return True

    def _figures(self) -> dict[str, str | int]:
        return {
            "merchant_id": self.merchant_id,
            "amount_minor": self.amount.minor,
            "currency": self.amount.currency,
            "exponent": self.exponent,
        }
