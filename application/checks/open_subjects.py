"""Attempts and refunds: which are open, and which wait for a person, as the read models say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from application.event_log import Recorded


@dataclass(slots=True)
class OpenFacts:
    """An attempt or a refund, from its events: the columns of its row."""

    session_id: UUID
    begun_position: int
    position: int
    """Of the last event that changed it."""
    is_open: bool = True
    unresolved: bool = False


class OpenSubjectCheck:
    """Follows attempts and refunds; what they may do is judged by other checks."""

    follows: ClassVar[tuple[str, ...]] = (
        "payment_session.processing", "payment_session.paid", "payment_session.declined",
        "payment_session.flagged", "refund",
    )  # fmt: skip

    def __init__(self) -> None:
        self.facts: dict[str, OpenFacts] = {}
        """By public id."""

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Follow the next event."""
        match recorded.topic:
            case "payment_session.processing":
                self._begin(event.attempt_id, recorded)
            case "refund.requested":
                self._begin(event.refund_id, recorded)
            case "refund.succeeded":
                if not event.reserved:
                    self._begin(event.refund_id, recorded)
                self._change(event.refund_id, recorded, ends=True)
            case "refund.failed":
                self._change(event.refund_id, recorded, ends=True)
            case "payment_session.paid" | "payment_session.declined":
                self._change(event.attempt_id, recorded, ends=True)
            case "payment_session.flagged" if event.captured_minor or event.flag == "unresolved":
                self._change(event.subject_id, recorded, ends=bool(event.captured_minor))

    def of(self, prefix: str) -> dict[str, OpenFacts]:
        """The facts of one kind."""
        return {name: facts for name, facts in self.facts.items() if name.startswith(prefix)}

    def _begin(self, name: str, recorded: Recorded) -> None:
        position = recorded.position
        self.facts.setdefault(name, OpenFacts(recorded.stream_id, position, position))

    def _change(self, name: str | None, recorded: Recorded, *, ends: bool) -> None:
        facts = self.facts.get(name or "")
        if facts is None:
            return
        facts.position = recorded.position
        if ends:
            facts.is_open = False
        else:
            facts.unresolved = True
