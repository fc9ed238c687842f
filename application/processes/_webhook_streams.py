"""What a batch of webhook tasks reads of the log: a few streams, in one round trip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any
from uuid import UUID

from application.event_log import LOAD_EVENTS_MAX, EventLog, Recorded, fold, history
from application.restriction import shown_at
from domain import ids
from domain.merchants.webhook_endpoint import WebhookEndpoints


class Streams:
    """The events of some streams, and the ledger's time at which they were read."""

    def __init__(self, log: EventLog, stream_ids: Collection[UUID]) -> None:
        loaded = log.load(dict.fromkeys(stream_ids, 0), ())
        self.now = loaded.now
        self._events: defaultdict[UUID, list[Recorded]] = defaultdict(list)
        for recorded in loaded.events:
            self._events[recorded.stream_id].append(recorded)
        for stream_id, events in self._events.items():
            if len(events) > LOAD_EVENTS_MAX:
                self._events[stream_id] = history(log, stream_id)

    def at_version(self, stream_id: UUID, version: int) -> tuple[Recorded, Any]:
        """An event, and its aggregate after it and before the next one, as it may be shown now."""
        events = self._events[stream_id]
        return events[version - 1], shown_at(events, version, fold)

    def endpoints(self, merchant_id: str, up_to: int | None = None) -> WebhookEndpoints | None:
        """A merchant's endpoints at a position, or now; None if there never was one."""
        events = self._events[endpoints_stream(merchant_id)]
        aggregate: WebhookEndpoints | None = fold(
            [one for one in events if up_to is None or one.position <= up_to]
        )
        return aggregate


def endpoints_stream(merchant_id: str) -> UUID:
    """The stream of a merchant's endpoints."""
    return WebhookEndpoints.stream_id(ids.decode("mer", merchant_id))


def subject_stream(subject_id: str) -> UUID:
    """The stream of a session or payout."""
    return ids.decode_suffix(subject_id.rpartition("_")[2])
