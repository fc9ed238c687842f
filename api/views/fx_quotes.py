"""How responses present exchange quotes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.http.fields import QuoteId, SessionId, Time, WalletId
from api.views.money import MoneyView, money_view
from domain import times
from domain.wallets.fx_quotes import FxQuotes, Quote


class FxQuoteView(Struct, frozen=True, kw_only=True, rename={"pays": "from"}):
    """What a wallet pays for a session in another currency, and until when that holds."""

    object: Literal["fx_quote"] = "fx_quote"
    id: QuoteId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    wallet_id: WalletId
    session_id: SessionId
    pays: MoneyView
    """`from`: everything the payer pays, the spread included."""
    to: MoneyView
    """What the merchant is paid: the session's amount."""
    rate: str
    """Units of `to` per unit of `from`, before the spread: a decimal."""
    spread: MoneyView
    source: str
    as_of: Annotated[str, Meta(extra_json_schema={"format": "date"})]
    """The day of the rate."""
    expires_at: Time
    server_time: Time
    position: int


def fx_quote_view(
    quotes: FxQuotes, quote: Quote, *, position: int, now: datetime, livemode: bool
) -> FxQuoteView:
    """One quote, for its wallet.

    Args:
        quotes: the quotes of the wallet for the session.
        quote: one of them.
        position: the log's position of that state.
        now: the ledger's time of the response.
        livemode: whether the ledger is live.
    """
    conversion = quote.conversion
    return FxQuoteView(
        id=quote.id,
        livemode=livemode,
        wallet_id=quotes.wallet_id,
        session_id=quotes.session_id,
        pays=money_view(conversion.pays),
        to=money_view(conversion.to),
        rate=conversion.rate,
        spread=money_view(conversion.spread),
        source=quote.source.name,
        as_of=quote.source.as_of,
        expires_at=times.to_text(quote.expires_at),
        server_time=times.to_text(now),
        position=position,
    )
