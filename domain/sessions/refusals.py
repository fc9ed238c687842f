"""The refusals of a session that a payer may dispute, in a stream beside the session's own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import ids
from domain.aggregate import LedgerAggregate, StartsOrContinues
from domain.sessions.errors import (
    ClaimRequired,
    PaymentInFlight,
    SessionClaimed,
    SessionExpired,
    SessionNotPayable,
)
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status, increment

REFUSALS_PER_WALLET_MAX: Final = 3
REFUSALS_PER_SESSION_MAX: Final = 20
"""Per session, so that strangers who scan a code on display cannot fill the log."""
STREAM_IDS_MAX: Final = 1024
"""Cached ids of streams: one decision asks for the same one several times."""


class Action(StrEnum):
    """What a wallet asked for."""

    SCAN = "scan"
    PAY = "pay"


LOST: Final[Mapping[Action, frozenset[str]]] = {
    Action.SCAN: frozenset({SessionClaimed.code, SessionNotPayable.code}),
    Action.PAY: frozenset(
        {
            SessionNotPayable.code,
            SessionExpired.code,
            ClaimRequired.code,
            PaymentInFlight.code,
        }
    ),
}
"""The codes of the refusals that may be recorded; `is_lost` decides with the session."""


def is_lost(session: PaymentSession, wallet_id: str, action: Action, code: str) -> bool:
    """Whether a wallet lost to another one, or paid after the end.

    A mistake of its own does not count: a scan after the end, a payment without any claim, or a
    second attempt beside its own.
    """
    if code not in LOST[action] or session.processing_for(wallet_id):
        return False
    if code == ClaimRequired.code:
        return session.claim is not None and session.claim.wallet_id != wallet_id
    if action is Action.SCAN and code == SessionNotPayable.code:
        return session.status in {Status.PAID, Status.PROCESSING}
    return True


class SessionRefusals(LedgerAggregate):
    """The recorded refusals of one session: at most 3 of a wallet and 20 together."""

    TOPIC = "refusal"

    class Event(Aggregate.Event):
        """The base of these events."""

        TOPIC = "refusal.event"

    class Recorded(Event, StartsOrContinues):
        """A wallet's scan or payment was refused; the first one starts the stream.

        `code` is why, on the session as its version `session_version` left it; `answered_code` is
        what the wallet was told a moment before. `action` is `scan` or `pay`.
        """

        TOPIC = "refusal.recorded"
        session_id: str
        merchant_id: str
        wallet_id: str
        wallet_app_id: str
        action: str
        code: str
        answered_code: str
        session_status: str
        session_version: int
        refused_command_id: str

        def apply(self, aggregate: SessionRefusals) -> None:
            """Count it for its wallet, and know its command."""
            aggregate.by_wallet = increment(aggregate.by_wallet, self.wallet_id)
            aggregate.command_ids |= {self.refused_command_id}

    def __init__(self) -> None:
        self.by_wallet: Mapping[str, int] = {}
        self.command_ids: frozenset[str] = frozenset()
        """Of the refused commands."""

    @staticmethod
    @lru_cache(STREAM_IDS_MAX)
    def stream_id(session_id: UUID) -> UUID:
        """The stream of a session's refusals; derived, so no lookup is needed."""
        return ids.derive("session refusals", session_id.bytes)

    def may_record(self, wallet_id: str, refused_command_id: UUID) -> bool:
        """Whether the command is not recorded yet, nor the wallet or the session at its limit."""
        if str(refused_command_id) in self.command_ids:
            return False
        of_wallet = self.by_wallet.get(wallet_id, 0)
        together = sum(self.by_wallet.values())
        return of_wallet < REFUSALS_PER_WALLET_MAX and together < REFUSALS_PER_SESSION_MAX

    @classmethod
    def record(
        cls,
        refusals: SessionRefusals | None,
        session: PaymentSession,
        *,
        wallet_id: str,
        wallet_app_id: str,
        action: Action,
        code: str,
        answered_code: str,
        refused_command_id: UUID,
        at: datetime,
    ) -> SessionRefusals | None:
        """Record once that a wallet lost, unless a limit is reached; None if nothing is recorded.

        Args:
            refusals: those of the session so far; None if there are none.
            session: as the decision has read it.
            wallet_id: the wallet that was refused.
            wallet_app_id: the app that acts for the wallet.
            action: what it asked for.
            code: why it is refused on this state of the session.
            answered_code: the code that the caller was answered.
            refused_command_id: the id of the refused command.
            at: the ledger's time, UTC.
        """
        if not is_lost(session, wallet_id, action, code):
            return None
        if refusals is not None and not refusals.may_record(wallet_id, refused_command_id):
            return None
        facts: dict[str, Any] = {
            "timestamp": at,
            "session_id": session.public_id,
            "merchant_id": session.merchant_id,
            "wallet_id": wallet_id,
            "wallet_app_id": wallet_app_id,
            "action": action.value,
            "code": code,
            "answered_code": answered_code,
            "session_status": session.status_at(at).value,
            "session_version": session.version,
            "refused_command_id": str(refused_command_id),
        }
        if refusals is None:
            return cls._create(cls.Recorded, id=cls.stream_id(session.id), **facts)
        refusals.trigger_event(cls.Recorded, originator_topic=cls.TOPIC, **facts)
        return refusals
