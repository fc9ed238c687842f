"""The sessions that are under way, from a log in memory, as a read model that may lag knows them."""

from __future__ import annotations

from datetime import datetime

from api.live.open_sessions import OPEN_SESSIONS_MAX, UNDER_WAY, Candidates
from application.event_log import fold
from domain.sessions.payment_session import PaymentSession
from tests.support.memory_log import MemoryLog


class MemoryOpenSessions:
    """`api.live.open_sessions.OpenSessions` for tests."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.lag = 0
        """How many positions the read model is behind."""

    def __call__(self, merchant_id: str, now: datetime) -> Candidates:
        """See the protocol."""
        position = max(0, self._log.head() - self.lag)
        found = []
        for recorded in self._log.events[:position]:
            if recorded.topic == PaymentSession.Created.TOPIC:
                known = [e for e in self._log.stream(recorded.stream_id) if e.position <= position]
                session = fold(known)
                if session.merchant_id == merchant_id and session.status_at(now) in UNDER_WAY:
                    found.append(recorded.stream_id)
        newest = found[::-1][:OPEN_SESSIONS_MAX]
        return Candidates(position, newest, len(found) > OPEN_SESSIONS_MAX)
