"""The sessions that one wallet opens by one static code: one at a time."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate, StartsOrContinues


class CodeSessions(LedgerAggregate):
    """The latest session of a wallet by a code.

    Whether that session is still open is the session's own matter, so nothing is recorded here when
    it ends: whoever opens the next one looks first.
    """

    TOPIC = "code_session"
    STATE_VERSION = 1

    class State(TypedDict):
        """The contents of a snapshot; raise `STATE_VERSION` with every change."""

        static_code_id: str
        wallet_id: str
        session_id: str

    class Event(Aggregate.Event):
        """The base of these events."""

        TOPIC = "code_session.event"

    class Opened(Event, StartsOrContinues):
        """The wallet opened a session by the code; the first one starts the stream."""

        TOPIC = "code_session.opened"
        static_code_id: str
        wallet_id: str
        session_id: str

        def apply(self, aggregate: CodeSessions) -> None:
            """Record the session."""
            aggregate.session_id = self.session_id

    @event(Opened)
    def __init__(self, static_code_id: str, wallet_id: str, session_id: str) -> None:
        self.static_code_id = static_code_id
        self.wallet_id = wallet_id
        self.session_id = session_id

    @staticmethod
    def stream_id(code_id: UUID, wallet_id: UUID) -> UUID:
        """The stream of a wallet's sessions by a code; derived, so no lookup is needed."""
        return ids.derive("code sessions", code_id.bytes, wallet_id.bytes)

    @classmethod
    def start(
        cls, *, code_id: UUID, wallet_id: UUID, session_id: str, at: datetime
    ) -> CodeSessions:
        """Record the wallet's first session by the code."""
        return cls._create(
            cls.Opened,
            id=cls.stream_id(code_id, wallet_id),
            timestamp=at,
            static_code_id=ids.encode("sc", code_id),
            wallet_id=ids.encode("wal", wallet_id),
            session_id=session_id,
        )

    def open(self, session_id: str, *, at: datetime) -> None:
        """Record the next session. The caller has made sure that the last one has ended."""
        self.trigger_event(
            self.Opened,
            originator_topic=self.TOPIC,
            static_code_id=self.static_code_id,
            wallet_id=self.wallet_id,
            session_id=session_id,
            timestamp=at,
        )
