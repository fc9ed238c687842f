"""How an event of the log is shown to auditors, over HTTP and by the program."""

from __future__ import annotations

from typing import Any

import msgspec

from application.event_log import Recorded
from domain import ids, text, times


def event_document(recorded: Recorded) -> dict[str, Any]:
    """The event's metadata, and its payload as it is stored."""
    data = msgspec.json.decode(text.replace_lone_surrogates(recorded.state))
    data.pop("originator_topic", None)
    data.pop("class_version", None)
    return {
        "id": ids.encode("evt", recorded.event_id),
        "position": recorded.position,
        "type": recorded.topic,
        "subject": ids.subject(recorded.topic, recorded.stream_id),
        "version": recorded.version,
        "recorded_at": times.to_text(recorded.recorded_at),
        "schema_version": recorded.schema_version,
        "command_id": str(recorded.command_id),
        "actor": recorded.actor,
        "trace_id": recorded.trace_id,
        "data": data,
    }
