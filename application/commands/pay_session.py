"""A wallet pays the session it claimed: both record it in one append."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Loaded
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


def pay_session(command: PaySession, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `PaySession`; a session this wallet has paid answers with that payment.

    Raises (checked in this order):
        NotFound: no such session, or no such wallet of this app.
        SessionNotPayable, SessionExpired, ClaimRequired, AmountMismatch: see the session's `pay`.
        WalletCurrencyMismatch, InsufficientFunds: see the wallet's `capture`.
    """
    session = loaded.get(PaymentSession, command.session_id, "payment session")
    wallet = own_wallet(loaded.get(Wallet, command.wallet_id, "wallet"), command.wallet_app_id)
    if session.paid_by(wallet.public_id):
        return [session]
    loaded.reached(session.expires_at)
    session.pay(
        wallet_id=wallet.public_id,
        claim_id=command.claim_id,
        amount=command.amount,
        at=loaded.now,
    )
    wallet.capture(amount=command.amount, session_id=session.public_id, at=loaded.now)
    return [wallet, session]
