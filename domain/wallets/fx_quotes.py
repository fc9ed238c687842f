"""The exchange quotes of one wallet for one session: what the payer pays, fixed for a minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids, times
from domain.aggregate import LedgerAggregate
from domain.money.fx import ROUNDING, Conversion
from domain.money.money import Money
from domain.wallets.errors import QuoteExpired, QuoteMismatch, QuotesExhausted, QuoteUsed

QUOTE_SECONDS: Final = 60
"""How long a quote holds; never longer than its session."""
QUOTES_MAX: Final = 10
"""Quotes of one wallet for one session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSource:
    """Where a rate comes from."""

    name: str
    """Such as `ecb`."""
    as_of: str
    """The day of the rate, ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One quote."""

    id: str
    conversion: Conversion
    source: RateSource
    expires_at: datetime
    used: bool = False


class FxQuotes(LedgerAggregate):
    """The quotes of one wallet for one session; at most one of them is used."""

    TOPIC = "fx_quote"

    class Event(Aggregate.Event):
        """The base of these events."""

        TOPIC = "fx_quote.event"

    class Opened(Event, Aggregate.Created):
        """The wallet's first quote for the session follows."""

        TOPIC = "fx_quote.opened"
        wallet_id: str
        session_id: str

    class Given(Event):
        """A quote; states the rate as text and every amount computed from it."""

        TOPIC = "fx_quote.given"
        quote_id: str
        rate: str
        rounding: str
        source: str
        as_of: str
        from_minor: int
        """Everything the payer pays, the spread included."""
        from_currency: str
        from_exponent: int
        spread_basis_points: int
        """Hundredths of a percent of the converted amount."""
        spread_minor: int
        """In the payer's currency."""
        to_minor: int
        to_currency: str
        to_exponent: int
        expires_at: str

        def apply(self, aggregate: FxQuotes) -> None:
            """Keep the quote."""
            converted_minor = self.from_minor - self.spread_minor
            conversion = Conversion(
                rate=self.rate,
                converted=Money(converted_minor, self.from_currency),
                spread_basis_points=self.spread_basis_points,
                spread=Money(self.spread_minor, self.from_currency),
                to=Money(self.to_minor, self.to_currency),
            )
            quote = Quote(
                id=self.quote_id,
                conversion=conversion,
                source=RateSource(name=self.source, as_of=self.as_of),
                expires_at=times.from_text(self.expires_at),
            )
            aggregate.quotes = {**aggregate.quotes, quote.id: quote}

    class Used(Event):
        """The wallet paid by a quote."""

        TOPIC = "fx_quote.used"
        quote_id: str

        def apply(self, aggregate: FxQuotes) -> None:
            """Mark the quote as used."""
            quote = replace(aggregate.quotes[self.quote_id], used=True)
            aggregate.quotes = {**aggregate.quotes, quote.id: quote}

    @event(Opened)
    def __init__(self, wallet_id: str, session_id: str) -> None:
        self.wallet_id = wallet_id
        self.session_id = session_id
        self.quotes: Mapping[str, Quote] = {}

    @staticmethod
    def stream_id(wallet_id: UUID, session_id: UUID) -> UUID:
        """The stream of a wallet's quotes for a session."""
        return ids.derive("fx quotes", wallet_id.bytes, session_id.bytes)

    @classmethod
    def open(cls, *, wallet_id: UUID, session_id: UUID, at: datetime) -> FxQuotes:
        """Start the stream, without a quote."""
        return cls._create(
            cls.Opened,
            id=cls.stream_id(wallet_id, session_id),
            timestamp=at,
            wallet_id=ids.encode("wal", wallet_id),
            session_id=ids.encode("ps", session_id),
        )

    def give(
        self,
        *,
        quote_id: str,
        conversion: Conversion,
        source: RateSource,
        session_expires_at: datetime,
        at: datetime,
    ) -> Quote:
        """Make a quote that holds for 60 seconds, at most until the session expires.

        Raises:
            QuotesExhausted: there are ten quotes already.
        """
        if len(self.quotes) >= QUOTES_MAX:
            raise QuotesExhausted(session_id=self.session_id, quotes_max=QUOTES_MAX)
        expires_at = min(at + timedelta(seconds=QUOTE_SECONDS), session_expires_at)
        pays, to = conversion.pays, conversion.to
        self.trigger_event(
            self.Given,
            quote_id=quote_id,
            rate=conversion.rate,
            rounding=ROUNDING,
            source=source.name,
            as_of=source.as_of,
            from_minor=pays.minor,
            from_currency=pays.currency,
            from_exponent=pays.exponent,
            spread_basis_points=conversion.spread_basis_points,
            spread_minor=conversion.spread.minor,
            to_minor=to.minor,
            to_currency=to.currency,
            to_exponent=to.exponent,
            expires_at=times.to_text(expires_at),
            timestamp=at,
        )
        return self.quotes[quote_id]

    def use(self, quote_id: str, *, amount: Money, at: datetime) -> Conversion:
        """Use a quote to pay.

        Raises (checked in this order):
            QuoteMismatch: it is no quote of this wallet and session, or for another amount.
            QuoteUsed: it has been used.
            QuoteExpired: `at` is not before its end.
        """
        quote = self.quotes.get(quote_id)
        if quote is None or quote.conversion.to != amount:
            raise QuoteMismatch(quote_id=quote_id)
        if quote.used:
            raise QuoteUsed(quote_id=quote_id)
        if at >= quote.expires_at:
            raise QuoteExpired(quote_id=quote_id, expires_at=times.to_text(quote.expires_at))
        self.trigger_event(self.Used, quote_id=quote_id, timestamp=at)
        return quote.conversion
