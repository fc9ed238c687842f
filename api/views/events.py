"""How responses present the events of the log."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from api.http.fields import EventId, Time
from application.event_document import event_document
from application.event_log import Recorded


class EventView(Struct, frozen=True, kw_only=True):
    """One event of the log."""

    id: EventId
    position: int
    type: str
    subject: str
    version: int
    recorded_at: Time
    schema_version: int
    command_id: str
    actor: str
    trace_id: str
    data: dict[str, Any]


def event_view(recorded: Recorded) -> EventView:
    """The event as auditors see it."""
    return EventView(**event_document(recorded))
