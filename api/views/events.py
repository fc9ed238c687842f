"""How responses present the events of the log."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from api.http.fields import EventId, Time
from application.event_document import event_document
from application.event_log import Recorded
from domain import personal_data

FOR_AUDITORS: Final = ("schema_version", "command_id", "actor", "trace_id")


class EventView(Struct, frozen=True, kw_only=True):
    """One event of the log."""

    id: EventId
    position: int
    type: str
    subject: str
    version: int
    recorded_at: Time
    schema_version: int | UnsetType = UNSET
    """For auditors only, like the next three."""
    command_id: str | UnsetType = UNSET
    actor: str | UnsetType = UNSET
    trace_id: str | UnsetType = UNSET
    livemode: bool | UnsetType = UNSET
    """For merchants only."""
    data: dict[str, Any]


def event_view(recorded: Recorded) -> EventView:
    """The event as auditors see it."""
    return EventView(**event_document(recorded))


def merchant_event_view(recorded: Recorded, *, restricted: bool, livemode: bool) -> EventView:
    """The event as its merchant sees it: not who caused it, and no text that is restricted."""
    document = event_document(recorded)
    for name in FOR_AUDITORS:
        del document[name]
    if restricted:
        document["data"] = personal_data.restricted(recorded.topic, document["data"])
    return EventView(livemode=livemode, **document)
