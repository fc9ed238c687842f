"""A wallet pays the session that it has claimed: wallet and session record it in one append."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_wallet
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class PaySession(Command):
    """Pay a session in full from a wallet's balance."""

    session_id: UUID
    wallet_id: UUID
    wallet_app_id: str
    claim_id: str
    amount: Money

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session and the wallet."""
        return (self.session_id, self.wallet_id)

    def decide(self, loaded: Loaded) -> Decision:
        """Capture the amount from the wallet; returns a session that this wallet has paid as it is.

        Raises (checked in this order):
            NotFound: there is no such session, or the app has no such wallet.
            SessionNotPayable, SessionExpired, ClaimRequired, AmountMismatch: see
                `PaymentSession.pay`.
            WalletCurrencyMismatch, InsufficientFunds: see `Wallet.capture`.
        """
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        wallet = own_wallet(loaded.get(Wallet, self.wallet_id, "wallet"), self.wallet_app_id)
        if session.paid_by(wallet.public_id):
            return Decision(session)
        loaded.reached(session.expires_at)
        session.pay(
            wallet_id=wallet.public_id, claim_id=self.claim_id, amount=self.amount, at=loaded.now
        )
        wallet.capture(amount=self.amount, session_id=session.public_id, at=loaded.now)
        return Decision(session, [wallet, session])
