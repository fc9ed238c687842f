"""The tickets of the live socket, in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID


class MemoryTickets:
    """`application.ports.live_tickets.LiveTickets` for tests."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.kept: dict[UUID, datetime] = {}

    def keep(self, ticket_id: UUID, expires_at: datetime) -> None:
        """See the port."""
        self.kept[ticket_id] = expires_at

    def take(self, ticket_id: UUID) -> bool:
        """See the port."""
        expires_at = self.kept.pop(ticket_id, None)
        return expires_at is not None and expires_at > self._now()
