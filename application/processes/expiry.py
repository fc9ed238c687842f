"""The expiry process: sends `ExpireSession` when a session's deadline has passed.

It follows the log and keeps a timer for each open session. A timer only triggers the command; the
command decides by the ledger's time whether the session has expired.
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
"""How many sessions one sweep expires: no more than a batch, so that payments go in between."""

_ENDING_TOPICS: Final = frozenset(
    kind.TOPIC for kind in (PaymentSession.Paid, PaymentSession.Expired, PaymentSession.Cancelled)
)
"""Topics that clear a session's timer. Other events are not decoded."""


@dataclass(frozen=True, slots=True)
class Timers:
    """The timers that a page of events sets, by session, and those it clears."""

    due_at: dict[UUID, datetime]
    cleared: frozenset[UUID]


def timers(page: Sequence[Recorded]) -> Timers:
    """The timers that a page of events sets and clears."""
    due_at: dict[UUID, datetime] = {}
    cleared: set[UUID] = set()
    for recorded in page:
        if recorded.topic == PaymentSession.Created.TOPIC:
            event: Any = recorded.event
            due_at[recorded.stream_id] = times.from_text(event.expires_at)
        elif recorded.topic in _ENDING_TOPICS:
            due_at.pop(recorded.stream_id, None)
            cleared.add(recorded.stream_id)
    return Timers(due_at, frozenset(cleared))


def commands(due: Sequence[UUID]) -> list[Command]:
    """The commands for sessions whose timers are due."""
    return [ExpireSession(session_id=session_id) for session_id in due]
