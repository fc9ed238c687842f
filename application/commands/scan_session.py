"""A wallet scans the code of a session and claims the session for the length of a lease."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import claim_session, own_wallet
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import check_same
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSession(Command):
    """Claim the session of a scanned code."""

    session_id: UUID
    wallet_id: UUID
    wallet_app_id: str
    claim_id: UUID
    amount: Money | None = None
    """What the payer expects to pay, if the request says so."""
    lease_seconds: int

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The wallet and the session."""
        return (self.wallet_id, self.session_id)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The session; the wallet is only read."""
        return (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Claim the session.

        Raises (checked in this order):
            NotFound: the app has no such wallet, or there is no such session.
            AmountMismatch: the payer expects another amount.
            SessionNotPayable, SessionExpired, SessionClaimed, ClaimsExhausted: see
                `PaymentSession.scan`.
        """
        wallet = own_wallet(loaded.get(Wallet, self.wallet_id, "wallet"), self.wallet_app_id)
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        if self.amount is not None:
            check_same(session.public_id, asked=session.amount, offered=self.amount)
        claim_session(
            session,
            wallet,
            loaded,
            claim_id=self.claim_id,
            lease_seconds=self.lease_seconds,
        )
        return Decision(session, [session])
