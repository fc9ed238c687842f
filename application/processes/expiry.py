"""The expiry process: which sessions are to be looked at when, and what to ask of them.

It follows the log from its own position and keeps timers; the timers only wake it. Whether a
session has expired is decided by `ExpireSession`, by the ledger's time, when it is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from application.command import Command
from application.commands.expire_session import ExpireSession
from application.event_log import Recorded
from domain import times
from domain.sessions.payment_session import PaymentSession

NAME: Final = "expiry"
SWEEP_SESSIONS_MAX: Final = 256
"""How many sessions one sweep asks about; below a batch, so that payments go between."""

_ENDS: Final = frozenset(
    kind.TOPIC for kind in (PaymentSession.Paid, PaymentSession.Expired, PaymentSession.Cancelled)
)
"""Topics after which there is nothing to wait for; what else is in the log is not decoded here."""


@dataclass(frozen=True, slots=True)
class Timers:
    """What a page of events changes: sessions to look at later, and those that have ended."""

    wanted: dict[UUID, datetime]
    cleared: frozenset[UUID]


def timers(page: Sequence[Recorded]) -> Timers:
    """The timers that a page sets and clears."""
    wanted: dict[UUID, datetime] = {}
    cleared: set[UUID] = set()
    for recorded in page:
        if recorded.topic == PaymentSession.Created.TOPIC:
            event: Any = recorded.event
            wanted[recorded.stream_id] = times.from_text(event.expires_at)
        elif recorded.topic in _ENDS:
            wanted.pop(recorded.stream_id, None)
            cleared.add(recorded.stream_id)
    return Timers(wanted, frozenset(cleared))


def commands(due: Sequence[UUID]) -> list[Command]:
    """What to ask when timers have run out."""
    return [ExpireSession(session_id=session_id) for session_id in due]
