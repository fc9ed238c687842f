"""How a session ends unpaid, or goes back: cancel, expire, release the claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Loaded
from application.commands._support import release_order
from application.errors import NotFound
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSession(Command):
    """Withdraw a request to be paid."""

    session_id: UUID
    merchant_id: str
    by: str = "merchant"

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; its order is found through it."""
        return (self.session_id,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireSession(Command):
    """Record that a session's deadline has passed, if it has and the session is still open."""

    session_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session; its order is found through it."""
        return (self.session_id,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseClaim(Command):
    """Give a claim back before its lease is over."""

    session_id: UUID
    wallet_app_id: str
    wallet_id: str | None = None

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session."""
        return (self.session_id,)


def cancel_session(command: CancelSession, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `CancelSession`.

    Raises (checked in this order):
        NotFound: no such session of this merchant.
        SessionNotPayable: it has ended.
    """
    session = loaded.get(PaymentSession, command.session_id, "payment session")
    if session.merchant_id != command.merchant_id:
        raise NotFound(thing="payment session")
    loaded.reached(session.expires_at)
    session.cancel(by=command.by, at=loaded.now)
    return [*release_order(session, loaded, reason=Status.CANCELLED.value), session]


def expire_session(command: ExpireSession, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `ExpireSession`; a session that is not due is answered as it is.

    Raises:
        NotFound: no such session.
    """
    session = loaded.get(PaymentSession, command.session_id, "payment session")
    if not loaded.reached(session.expires_at) or not session.expire(at=loaded.now):
        return [session]
    return [*release_order(session, loaded, reason=Status.EXPIRED.value), session]


def release_claim(command: ReleaseClaim, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `ReleaseClaim`.

    Raises (checked in this order):
        NotFound: no such session.
        SessionNotPayable, SessionExpired, ClaimRequired: see `release_claim` of the session.
    """
    session = loaded.get(PaymentSession, command.session_id, "payment session")
    loaded.reached(session.expires_at)
    session.release_claim(
        wallet_app_id=command.wallet_app_id, wallet_id=command.wallet_id, at=loaded.now
    )
    return [session]
