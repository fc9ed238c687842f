"""A wallet scans a code and claims its session for the length of a lease."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_wallet
from domain import ids
from domain.qr import dynamic_url
from domain.qr.errors import InvalidQr
from domain.sessions.payment_session import PaymentSession
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSession(Command):
    """Claim the session of a scanned payload."""

    payload: str
    wallet_id: UUID
    wallet_app_id: str
    claim_id: UUID
    public_url: str
    lease_seconds: int

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The wallet, and the session if the payload is a valid code."""
        try:
            return (self.wallet_id, dynamic_url.parse(self.payload, self.public_url))
        except InvalidQr:
            return (self.wallet_id,)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The session; the wallet is only read."""
        return self.streams[1:]

    def decide(self, loaded: Loaded) -> Decision:
        """Claim the session.

        Raises (checked in this order):
            NotFound: the app has no such wallet.
            InvalidQr: the payload is not a payment code of this ledger.
            NotFound: there is no such session.
            SessionNotPayable, SessionExpired, SessionClaimed, ClaimsExhausted: see
                `PaymentSession.scan`.
        """
        wallet = own_wallet(loaded.get(Wallet, self.wallet_id, "wallet"), self.wallet_app_id)
        session_id = dynamic_url.parse(self.payload, self.public_url)
        session = loaded.get(PaymentSession, session_id, "payment session")
        loaded.reached(session.expires_at)
        if session.claim is not None and session.claim.wallet_id != wallet.public_id:
            loaded.reached(session.claim.lease_until)
        session.scan(
            wallet_id=wallet.public_id,
            wallet_app_id=self.wallet_app_id,
            claim_id=ids.encode("clm", self.claim_id),
            at=loaded.now,
            lease_seconds=self.lease_seconds,
        )
        return Decision(session, [session])
