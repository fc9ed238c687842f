"""Orders: at most one open or paid session each."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded


class OrderCheck:
    """Follows orders."""

    follows: ClassVar[tuple[str, ...]] = ("order",)

    def __init__(self, violations: Violations) -> None:
        self._violations = violations
        self._sessions: dict[UUID, str | None] = {}
        """The session that holds each order."""

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event of an order against those before it."""
        session_id = self._sessions.get(recorded.stream_id)
        if recorded.topic == "order.opened":
            if session_id is not None:
                text = f"opened while {session_id} holds it"
                self._violations.report("one-session-per-order", text)
            self._sessions[recorded.stream_id] = event.session_id
        elif recorded.topic == "order.released":
            if session_id != event.session_id:
                text = f"{event.session_id} released an order that {session_id} holds"
                self._violations.report("one-session-per-order", text)
            self._sessions[recorded.stream_id] = None
