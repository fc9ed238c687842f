"""How responses present the events of the log."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from api.http.fields import EventId, Time
from application.event_log import Recorded
from domain import ids, text, times


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
    """The event as auditors see it: its metadata and the payload as stored."""
    data = msgspec.json.decode(text.replace_lone_surrogates(recorded.state))
    data.pop("originator_topic", None)
    data.pop("class_version", None)
    return EventView(
        id=ids.encode("evt", recorded.event_id),
        position=recorded.position,
        type=recorded.topic,
        subject=ids.subject(recorded.topic, recorded.stream_id),
        version=recorded.version,
        recorded_at=times.to_text(recorded.recorded_at),
        schema_version=recorded.schema_version,
        command_id=str(recorded.command_id),
        actor=recorded.actor,
        trace_id=recorded.trace_id,
        data=data,
    )
