"""The SQL of the log, and how rows become values: the one place that knows the columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg.types.numeric import Int4, Int8

CHANNEL: Final = "ledger_events"
"""What `append` notifies: a hint that there may be something new."""

APPEND: Final = """
select verdict, first_pos, last_pos, at from ledger.append(
    %b::uuid[], %b::bytea[], %b::timestamptz[], %b::timestamptz[], %b::int[],
    %b::text[], %b::text[], %b::uuid[], %b::bigint[], %b::bytea[],
    %b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::uuid[], %b::int[])
"""
COLUMNS: Final = (
    "e.notification_id, e.originator_id, e.originator_version, e.topic, e.state, e.recorded_at, "
    "e.event_id, e.command_id, e.actor, e.trace_id, e.schema_version"
)
CLOCK: Final = (
    "select greatest(ledger.now(), "
    "(select recorded_at from ledger.events order by notification_id desc limit 1)) as now"
)
"""The ledger's time: the clock, and never before the last event, as `append` has it."""
LOAD: Final = f"""
select {COLUMNS}, c.now from ({CLOCK}) c
  left join (unnest(%b::uuid[], %b::bigint[]) as w (id, after)
             join ledger.events e on e.originator_id = w.id and e.originator_version > w.after)
         on true
 order by e.originator_id, e.originator_version
"""
"""The ledger's time in every row, so that there is a row even when there is no event."""
STREAM: Final = f"""
select {COLUMNS} from ledger.events e
 where e.originator_id = %b and e.originator_version > %b and e.originator_version <= %b
 order by e.originator_version limit %b
"""
PAGE: Final = f"""
select {COLUMNS} from ledger.events e where e.notification_id > %b
 order by e.notification_id limit %b
"""
OF_TOPICS: Final = f"""
select {COLUMNS} from ledger.events e where topic = any(%b::text[]) order by e.notification_id
"""
RECEIPT_COLUMNS: Final = (
    "command_id, fingerprint, first_pos, last_pos, recorded_at, subject, version, refusal"
)
RECEIPTS: Final = f"""
select {RECEIPT_COLUMNS} from ledger.commands where command_id = any(%b::uuid[])
"""
EVERY_RECEIPT: Final = f"select {RECEIPT_COLUMNS} from ledger.commands"
NOW: Final = CLOCK
HEAD: Final = "select coalesce(max(notification_id), 0) from ledger.events"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """One command of a batch, as `append` takes it."""

    command_id: UUID
    events: Sequence[StoredEvent]
    schema_versions: Sequence[int]
    fingerprint: bytes = b""
    deadline: datetime | None = None
    not_before: datetime | None = None
    actor: str = ""
    trace_id: str = ""
    subject: UUID | None = None
    version: int = 0
    refusal: bytes | None = None


def append_parameters(rows: Sequence[CommandRow], new_id: Callable[[], UUID]) -> list[Any]:
    """The sixteen arrays of `append`: ten with an entry per command, six per event."""
    events = [event for row in rows for event in row.events]
    return [
        [row.command_id for row in rows],
        [row.fingerprint for row in rows],
        [row.deadline for row in rows],
        [row.not_before for row in rows],
        [Int4(len(row.events)) for row in rows],
        [row.actor for row in rows],
        [row.trace_id for row in rows],
        [row.subject for row in rows],
        [Int8(row.version) for row in rows],
        [row.refusal for row in rows],
        [event.originator_id for event in events],
        [Int8(event.originator_version) for event in events],
        [event.topic for event in events],
        [event.state for event in events],
        [new_id() for _ in events],
        [Int4(version) for row in rows for version in row.schema_versions],
    ]
