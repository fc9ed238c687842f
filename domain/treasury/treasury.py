"""The treasury: what the house moves in and out of the bank, and the payouts it funds.

One stream per currency serialises everything that takes client money out of the bank, so that its
balance never goes below zero. Top-ups are the credits: they only grow.

    funds = top-ups + moved in - moved out - payouts + returned payouts
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, TypedDict
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest
from domain.money.currencies import CURRENCIES
from domain.money.money import Money, check_amount
from domain.payouts.debits import Credits
from domain.treasury.errors import TreasuryInsufficient

REFERENCE_CHARS_MAX: Final = 80


class MoveKind(StrEnum):
    """Why the operator moves money."""

    OWN_FUNDS = "own_funds"
    """The house's own money, in or out."""
    FX_SETTLEMENT = "fx_settlement"
    """One side of a currency exchange that closes an open position."""
    FEES = "fees"
    """Fees and spreads that the house has earned; out only."""


class Treasury(LedgerAggregate):
    """The bank account of client money in one currency."""

    TOPIC = "treasury"
    STATE_VERSION = 1

    class State(TypedDict):
        """The contents of a snapshot; raise `STATE_VERSION` with every change."""

        currency: str
        exponent: int
        moved_minor: int
        funded_minor: int

    class Event(Aggregate.Event):
        """The base of the treasury's events."""

        TOPIC = "treasury.event"

    class Opened(Event, Aggregate.Created):
        """The first movement in this currency follows."""

        TOPIC = "treasury.opened"
        currency: str
        exponent: int

    class Moved(Event):
        """The operator moved money into the bank or out of it."""

        TOPIC = "treasury.moved"
        kind: str
        incoming: bool
        amount_minor: int
        currency: str
        exponent: int
        reference: str

        def apply(self, aggregate: Treasury) -> None:
            """Count the movement."""
            aggregate.moved_minor += self.amount_minor if self.incoming else -self.amount_minor

    class PayoutFunded(Event):
        """Money for a payout was set aside; states the top-ups that covered it."""

        TOPIC = "treasury.payout_funded"
        payout_id: str
        amount_minor: int
        credits_minor: int
        credits_position: int

        def apply(self, aggregate: Treasury) -> None:
            """Count the payout."""
            aggregate.funded_minor += self.amount_minor

    class PayoutReturned(Event):
        """The money of a payout is at the bank again, or never left it."""

        TOPIC = "treasury.payout_returned"
        payout_id: str
        amount_minor: int

        def apply(self, aggregate: Treasury) -> None:
            """Count it no longer."""
            aggregate.funded_minor -= self.amount_minor

    @event(Opened)
    def __init__(self, currency: str, exponent: int) -> None:
        self.currency = currency
        self.exponent = exponent
        self.moved_minor = 0
        self.funded_minor = 0

    @staticmethod
    def stream_id(currency: str) -> UUID:
        """The stream of a currency's treasury."""
        return ids.derive("treasury", currency)

    @classmethod
    def open(cls, *, currency: str, at: datetime) -> Treasury:
        """Start the stream, without a movement."""
        return cls._create(
            cls.Opened,
            id=cls.stream_id(currency),
            timestamp=at,
            currency=currency,
            exponent=CURRENCIES[currency].exponent,
        )

    def move(
        self,
        kind: MoveKind,
        amount: Money,
        *,
        incoming: bool,
        reference: str,
        credits: Credits,
        at: datetime,
    ) -> None:
        """Move money into the bank or out of it.

        Args:
            kind: why.
            amount: in the treasury's currency.
            incoming: into the bank.
            reference: the bank's or operator's reference, at most 80 characters.
            credits: a lower bound of all top-ups in this currency; used for money going out.
            at: the ledger's time, UTC.

        Raises (checked in this order):
            InvalidRequest: the amount is out of range or in another currency, the reference is too
                long, or fees are moved in.
            TreasuryInsufficient: there is not as much to move out.
        """
        check_amount(amount.minor, amount.currency)
        if amount.currency != self.currency:
            raise InvalidRequest.of("amount.currency", f"must be {self.currency}")
        if len(reference) > REFERENCE_CHARS_MAX:
            text = f"may have at most {REFERENCE_CHARS_MAX} characters"
            raise InvalidRequest.of("reference", text)
        if kind is MoveKind.FEES and incoming:
            raise InvalidRequest.of("kind", "fees are only drawn")
        if not incoming:
            self._check_funds(amount.minor, credits)
        self.trigger_event(
            self.Moved,
            kind=kind.value,
            incoming=incoming,
            amount_minor=amount.minor,
            currency=self.currency,
            exponent=self.exponent,
            reference=reference,
            timestamp=at,
        )

    def fund_payout(
        self, *, payout_id: str, amount_minor: int, credits: Credits, at: datetime
    ) -> None:
        """Set money aside for a payout; the caller makes sure that it is done once.

        Raises:
            TreasuryInsufficient: there is not as much.
        """
        self._check_funds(amount_minor, credits)
        self.trigger_event(
            self.PayoutFunded,
            payout_id=payout_id,
            amount_minor=amount_minor,
            credits_minor=credits.minor,
            credits_position=credits.position,
            timestamp=at,
        )

    def return_payout(self, *, payout_id: str, amount_minor: int, at: datetime) -> None:
        """Count a payout no longer; the caller makes sure that it is done once."""
        self.trigger_event(
            self.PayoutReturned, payout_id=payout_id, amount_minor=amount_minor, timestamp=at
        )

    def _check_funds(self, amount_minor: int, credits: Credits) -> None:
        funds_minor = credits.minor + self.moved_minor - self.funded_minor
        if amount_minor > funds_minor:
            raise TreasuryInsufficient(
                funds_minor=max(funds_minor, 0), asked_minor=amount_minor, currency=self.currency
            )
