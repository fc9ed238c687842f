"""Exchange quotes: amounts computed again from the rate's text, and each used as it was given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded
from domain import ids, times

QUOTE_SECONDS_MAX: Final = 60
QUOTES_MAX: Final = 10
BASIS_POINTS: Final = 10_000
SPREAD_BASIS_POINTS_MAX: Final = 1_000
_RATE = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?", re.ASCII)


@dataclass(slots=True)
class QuoteFacts:
    """A quote, from its events."""

    expires_at: datetime
    pays: tuple[int, str, int, int]
    """Amount, currency and exponent that the payer pays, and the spread in it."""
    to: tuple[int, str, int]
    used: bool = False


@dataclass(slots=True)
class Quotes:
    """The quotes of one wallet for one session."""

    wallet_id: str
    session_id: str
    given: dict[str, QuoteFacts]
    used: str | None = None


class FxQuoteCheck:
    """Follows quotes, and the payments that name them."""

    follows: ClassVar[tuple[str, ...]] = (
        "fx_quote", "payment_session.created", "payment_session.paid", "wallet.opened",
    )  # fmt: skip

    def __init__(
        self, violations: Violations, wallets: dict[str, tuple[str, int]] | None = None
    ) -> None:
        """`wallets` is shared by checks that see different sessions."""
        self._violations = violations
        self._streams: dict[UUID, Quotes] = {}
        self._wallets: dict[str, tuple[str, int]] = {} if wallets is None else wallets
        """Currency and exponent."""
        self._sessions: dict[UUID, tuple[tuple[int, str, int], datetime]] = {}
        """Amount, and deadline."""

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event."""
        topic = recorded.topic
        if topic == "payment_session.created":
            amount = (event.amount_minor, event.currency, event.exponent)
            expires_at = times.from_text(event.expires_at)
            self._sessions[recorded.stream_id] = (amount, expires_at)
        elif topic == "payment_session.paid":
            self._paid(recorded, event)
        elif topic == "wallet.opened":
            wallet = ids.encode("wal", recorded.stream_id)
            self._wallets[wallet] = (event.currency, event.exponent)
        elif topic == "fx_quote.opened":
            expected = quotes_stream(event.wallet_id, event.session_id)
            if recorded.stream_id != expected or recorded.stream_id in self._streams:
                self._violations.report("quotes-recomputed", "opened in a stream of another")
            self._streams[recorded.stream_id] = Quotes(event.wallet_id, event.session_id, {})
        elif topic in {"fx_quote.given", "fx_quote.used"}:
            quotes = self._streams.get(recorded.stream_id)
            if quotes is None:
                self._violations.report("quotes-recomputed", f"{topic} in a stream never opened")
            elif topic == "fx_quote.given":
                self._given(quotes, event)
            else:
                self._used(quotes, recorded, event)

    def _given(self, quotes: Quotes, event: Any) -> None:
        name = event.quote_id
        to = (event.to_minor, event.to_currency, event.to_exponent)
        payer = (event.from_currency, event.from_exponent)
        expires_at = times.from_text(event.expires_at)
        amount, deadline = self._sessions.get(
            ids.decode("ps", quotes.session_id), ((0, "", 0), expires_at)
        )
        if to != amount or payer != self._wallets.get(quotes.wallet_id):
            text = f"{name}: from {payer} to {to} is not this wallet and session"
            self._violations.report("quotes-recomputed", text)
        lifetime = timedelta(seconds=QUOTE_SECONDS_MAX)
        if expires_at > min(event.timestamp + lifetime, deadline):
            self._violations.report("quotes-recomputed", f"{name} is valid too long")
        converted, spread = _convert(event), event.spread_minor
        if converted is None or converted != event.from_minor - spread:
            text = f"{name}: {event.from_minor} with {spread} of spread, computed {converted}"
            self._violations.report("quotes-recomputed", text)
        elif spread != _spread(converted, event.spread_basis_points):
            text = f"{name}: a spread of {spread} on {converted}"
            self._violations.report("quotes-recomputed", text)
        if name in quotes.given or len(quotes.given) >= QUOTES_MAX:
            self._violations.report("quotes-recomputed", f"{name} is one quote too many")
        quotes.given[name] = QuoteFacts(expires_at, (event.from_minor, *payer, spread), to)

    def _used(self, quotes: Quotes, recorded: Recorded, event: Any) -> None:
        name = event.quote_id
        quote = quotes.given.get(name)
        if quote is None or quotes.used is not None:
            text = f"{name} was used, after {quotes.used or 'it was never given'}"
            self._violations.report("one-use-per-quote", text)
            return
        if recorded.recorded_at >= quote.expires_at:
            text = f"{name} was used when it had expired at {quote.expires_at}"
            self._violations.report("one-use-per-quote", text)
        quotes.used = name

    def _paid(self, recorded: Recorded, event: Any) -> None:
        """Compare a payment with its quote, which the same command has used just before."""
        to = (event.amount_minor, event.currency, event.exponent)
        pays = (
            event.payer_amount_minor,
            event.payer_currency,
            event.payer_exponent,
            event.spread_minor,
        )
        if event.quote_id is None:
            if pays != (*to, 0) and event.funding == "wallet":
                text = f"paid {pays} for {to} without a quote"
                self._violations.report("money-conserved", text)
            return
        stream = quotes_stream(event.wallet_id, ids.encode("ps", recorded.stream_id))
        quotes = self._streams.get(stream)
        quote = quotes.given.get(event.quote_id) if quotes else None
        if quotes is None or quote is None or quotes.used != event.quote_id:
            text = f"{event.quote_id} is no used quote of this wallet and session"
            self._violations.report("one-use-per-quote", text)
        elif (quote.pays, quote.to) != (pays, to):
            text = f"{event.quote_id}: paid {pays} for {to}, quoted {quote.pays} for {quote.to}"
            self._violations.report("money-conserved", text)


def _convert(event: Any) -> int | None:
    """The amount at the recorded rate, rounded up; None if the rate is no decimal above zero."""
    match = _RATE.fullmatch(event.rate)
    if match is None or event.rounding != "ceiling":
        return None
    decimals = match[2] or ""
    rate = int(match[1] + decimals)
    if rate == 0:
        return None
    scale = event.from_exponent - event.to_exponent + len(decimals)
    above: int = event.to_minor * 10 ** max(scale, 0)
    below: int = rate * 10 ** max(-scale, 0)
    return -(-above // below)


def _spread(converted_minor: int, basis_points: int) -> int | None:
    """The house's part, rounded up; None if it is out of range."""
    if not 0 <= basis_points <= SPREAD_BASIS_POINTS_MAX:
        return None
    return -(-converted_minor * basis_points // BASIS_POINTS)


def quotes_stream(wallet_id: str, session_id: str) -> UUID:
    """The stream of a wallet's quotes for a session."""
    wallet, session = ids.decode("wal", wallet_id), ids.decode("ps", session_id)
    return ids.derive("fx quotes", wallet.bytes, session.bytes)
