"""A wallet scans a code: it claims the session for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Loaded
from application.commands._support import own_wallet
from domain import ids
from domain.qr import dynamic_url
from domain.qr.errors import InvalidQr
from domain.sessions.payment_session import PaymentSession
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSession(Command):
    """Claim the session that a scanned text names."""

    payload: str
    wallet_id: UUID
    wallet_app_id: str
    claim_id: UUID
    public_url: str
    lease_seconds: int

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The wallet, and the session if the text names one."""
        try:
            return (self.wallet_id, dynamic_url.parse(self.payload, self.public_url))
        except InvalidQr:
            return (self.wallet_id,)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The session; the wallet is only read."""
        return self.streams[1:]


def scan_session(command: ScanSession, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `ScanSession`.

    Raises (checked in this order):
        NotFound: no such wallet of this app.
        InvalidQr: the text is not one of our codes.
        NotFound: no such session.
        SessionNotPayable, SessionExpired, SessionClaimed, ClaimsExhausted: see `scan`.
    """
    wallet = own_wallet(loaded.get(Wallet, command.wallet_id, "wallet"), command.wallet_app_id)
    session_id = dynamic_url.parse(command.payload, command.public_url)
    session = loaded.get(PaymentSession, session_id, "payment session")
    loaded.reached(session.expires_at)
    if session.claim is not None and session.claim.wallet_id != wallet.public_id:
        loaded.reached(session.claim.lease_until)
    session.scan(
        wallet_id=wallet.public_id,
        wallet_app_id=command.wallet_app_id,
        claim_id=ids.encode("clm", command.claim_id),
        at=loaded.now,
        lease_seconds=command.lease_seconds,
    )
    return [session]
