"""A wallet asks what a session in another currency costs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_wallet
from application.ports.rates import Rate
from domain import ids
from domain.errors import InvalidRequest
from domain.money.fx import convert
from domain.sessions.payment_session import PaymentSession
from domain.wallets.errors import InsufficientFunds, RateUnavailable
from domain.wallets.fx_quotes import FxQuotes, RateSource
from domain.wallets.wallet import BALANCE_MINOR_MAX, Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeFxQuote(Command):
    """Quote the price of a session in a wallet's currency."""

    quote_id: UUID
    wallet_id: UUID
    wallet_app_id: str
    session_id: UUID
    rate: Rate | None
    """The latest rate between the two currencies; None if there is none."""
    rate_days_max: int | None
    """How old the rate may be by the ledger's day; None: any age, in a test ledger."""
    spread_basis_points: int
    """The house's part, 0 to 1,000."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The wallet, the session, and the wallet's quotes for it."""
        return (self.wallet_id, self.session_id, *self.writes)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The quotes; wallet and session are only read."""
        return (FxQuotes.stream_id(self.wallet_id, self.session_id),)

    def decide(self, loaded: Loaded) -> Decision:
        """Make the quote.

        Raises (checked in this order):
            NotFound: there is no such session, or the app has no such wallet.
            SessionNotPayable, SessionExpired: the session cannot be paid.
            InvalidRequest: the wallet holds the session's currency.
            RateUnavailable: there is no rate, or none young enough.
            InsufficientFunds: it would cost more than any wallet may hold.
            QuotesExhausted: see `FxQuotes.give`.
        """
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        wallet = own_wallet(loaded.get(Wallet, self.wallet_id, "wallet"), self.wallet_app_id)
        loaded.reached(session.expires_at)
        session.check_open(loaded.now)
        if wallet.currency == session.amount.currency:
            raise InvalidRequest.of("wallet_id", f"holds {wallet.currency}, the session's currency")
        rate = self.rate
        if rate is None or not self._is_young(rate, loaded):
            raise RateUnavailable(
                from_currency=wallet.currency, to_currency=session.amount.currency
            )
        conversion = convert(
            session.amount,
            payer_currency=wallet.currency,
            rate=rate.text,
            spread_basis_points=self.spread_basis_points,
        )
        if conversion.pays.minor > BALANCE_MINOR_MAX:
            raise InsufficientFunds(
                wallet_id=wallet.public_id,
                asked_minor=conversion.pays.minor,
                currency=wallet.currency,
            )
        stream_id = FxQuotes.stream_id(self.wallet_id, self.session_id)
        quotes = loaded.find(FxQuotes, stream_id) or FxQuotes.open(
            wallet_id=self.wallet_id, session_id=self.session_id, at=loaded.now
        )
        quotes.give(
            quote_id=ids.encode("quo", self.quote_id),
            conversion=conversion,
            source=RateSource(name=rate.source, as_of=rate.as_of.isoformat()),
            session_expires_at=session.expires_at,
            at=loaded.now,
        )
        return Decision(quotes, [quotes])

    def _is_young(self, rate: Rate, loaded: Loaded) -> bool:
        """Whether the rate is not too old, and not of a day that has not come yet."""
        today = loaded.now.date()
        if self.rate_days_max is None:
            return True
        last = datetime.combine(rate.as_of + timedelta(days=self.rate_days_max + 1), time(), UTC)
        return rate.as_of <= today and not loaded.reached(last)
