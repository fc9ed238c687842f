"""The payment of a session, as its event states it: the same from a balance and by an attempt."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from domain.money.money import Amount
from domain.sessions.attempt import Attempt
from domain.sessions.events import Paid
from domain.sessions.state import Funding
from domain.wallets.account import WalletAccount

if TYPE_CHECKING:
    from domain.sessions.payment_session import PaymentSession


def record_paid(
    session: PaymentSession,
    *,
    at: datetime,
    funding: Funding,
    source: WalletAccount | None,
    wallet_id: str | None,
    claim_id: str | None,
    attempt: Attempt | None = None,
    pays: Amount | None = None,
    spread_minor: int = 0,
    quote_id: str | None = None,
) -> None:
    """Record that the session is paid in full; the caller has checked that it may be.

    Args:
        session: the session.
        at: the ledger's time, UTC.
        funding: whose money it is.
        source: the account of the wallet that it is taken from, if it is a wallet's.
        wallet_id: the wallet that pays, if one does.
        claim_id: its claim.
        attempt: the attempt that paid; None: the wallet's balance.
        pays: what the payer pays; None: the session's amount.
        spread_minor: the part of it that is the spread.
        quote_id: the quote of a conversion.
    """
    amount = Amount(session.amount.minor, session.amount.currency, session.exponent)
    payer = pays or amount
    session.trigger_event(
        Paid,
        funding=funding.value,
        source=source.value if source else None,
        wallet_id=wallet_id,
        claim_id=claim_id,
        attempt_id=attempt.id if attempt else None,
        processor=attempt.processor if attempt else None,
        amount_minor=amount.minor,
        currency=amount.currency,
        exponent=amount.exponent,
        fee_minor=session.fee_minor,
        payer_amount_minor=payer.minor,
        payer_currency=payer.currency,
        payer_exponent=payer.exponent,
        spread_minor=spread_minor,
        quote_id=quote_id,
        merchant_id=session.merchant_id,
        merchant_name=session.merchant_name,
        timestamp=at,
    )
