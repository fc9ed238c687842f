"""A wallet pays the session that it has claimed: wallet and session record it in one append."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_wallet
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.wallets.errors import QuoteMismatch
from domain.wallets.fx_quotes import FxQuotes
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class PaySession(Command):
    """Pay a session in full from a wallet's balance."""

    session_id: UUID
    wallet_id: UUID
    wallet_app_id: str
    claim_id: str
    amount: Money
    """The session's amount, in its currency."""
    quote_id: str | None = None
    """The quote by which a wallet in another currency pays."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session, the wallet, and the wallet's quotes if it names one."""
        if self.quote_id is None:
            return (self.session_id, self.wallet_id)
        quotes = FxQuotes.stream_id(self.wallet_id, self.session_id)
        return (self.session_id, self.wallet_id, quotes)

    def decide(self, loaded: Loaded) -> Decision:
        """Capture the amount from the wallet.

        Returns a session that this wallet has paid, or that a processor is paying for it, as it is.

        Raises (checked in this order):
            NotFound: there is no such session, or the app has no such wallet.
            SessionNotPayable, SessionExpired, ClaimRequired, AmountMismatch: see
                `PaymentSession.pay`.
            QuoteMismatch, QuoteUsed, QuoteExpired: see `FxQuotes.use`.
            WalletCurrencyMismatch, InsufficientFunds: see `Wallet.capture`.
        """
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        wallet = own_wallet(loaded.get(Wallet, self.wallet_id, "wallet"), self.wallet_app_id)
        if session.paid_by(wallet.public_id) or session.processing_for(wallet.public_id):
            return Decision(session)
        loaded.reached(session.expires_at)
        wallet_id, claim_id = wallet.public_id, self.claim_id
        if self.quote_id is None:
            session.pay(wallet_id=wallet_id, claim_id=claim_id, amount=self.amount, at=loaded.now)
            _capture(wallet, self.amount, session, loaded.now)
            return Decision(session, [wallet, session])
        session.check_payment(
            wallet_id=wallet_id, claim_id=claim_id, amount=self.amount, at=loaded.now
        )
        quotes = loaded.find(FxQuotes, FxQuotes.stream_id(self.wallet_id, self.session_id))
        if quotes is None:
            raise QuoteMismatch(quote_id=self.quote_id)
        if quote := quotes.quotes.get(self.quote_id):
            loaded.reached(quote.expires_at)
        conversion = quotes.use(self.quote_id, amount=self.amount, at=loaded.now)
        session.pay(
            wallet_id=wallet_id,
            claim_id=claim_id,
            amount=self.amount,
            at=loaded.now,
            conversion=conversion,
            quote_id=self.quote_id,
        )
        _capture(wallet, conversion.pays, session, loaded.now)
        return Decision(session, [quotes, wallet, session])


def _capture(wallet: Wallet, amount: Money, session: PaymentSession, at: datetime) -> None:
    wallet.capture(
        amount=amount,
        session_id=session.public_id,
        merchant_id=session.merchant_id,
        merchant_name=session.merchant_name,
        at=at,
    )
