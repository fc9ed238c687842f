"""The SQL of the log and the order of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import uuid_utils

from application.event_log import LOAD_EVENTS_MAX, AppendRequest
from infrastructure.postgres import arrays
from infrastructure.postgres.arrays import Value
from infrastructure.postgres.prepared import Prepared

CHANNEL: Final = "ledger_events"
"""The channel that `append` notifies when there are new events."""

APPEND: Final = Prepared("""
select verdict, first_pos, last_pos, at from ledger.append(
    $1::uuid[], $2::bytea[], $3::timestamptz[], $4::timestamptz[], $5::int[],
    $6::text[], $7::text[], $8::uuid[], $9::bigint[], $10::bytea[],
    $11::uuid[], $12::bigint[], $13::text[], $14::bytea[], $15::uuid[], $16::int[],
    $17::timestamptz, $18::int, $19::int)
""")
COLUMNS: Final = (
    "e.notification_id, e.originator_id, e.originator_version, e.topic, e.state, e.recorded_at, "
    "e.event_id, e.command_id, e.actor, e.trace_id, e.schema_version"
)
CLOCK: Final = (
    "select ledger.now() as clock, "
    "(select recorded_at from ledger.events order by notification_id desc limit 1) as last, "
    "(select mode = 'live' from ledger.identity where one) as live, "
    "(select advanced_seconds from ledger.clock where one) as advanced"
)
"""The first fields of a `ClockReading`, as `append` computes them."""
CLOCK_WIDTH: Final = 4
RECEIPT_COLUMNS: Final = (
    "r.command_id, r.fingerprint, r.first_pos, r.last_pos, r.recorded_at, r.subject, r.version, "
    "r.refusal"
)
EVENT_WIDTH: Final = 11
LOAD: Final = Prepared(f"""
with c as ({CLOCK})
select {COLUMNS}, {RECEIPT_COLUMNS}, c.clock, c.last, c.live, c.advanced from c
  left join (unnest($1::uuid[], $2::bigint[]) as w (id, after) cross join lateral (
                select * from ledger.events
                 where originator_id = w.id and originator_version > w.after
                   and originator_version <= w.after + {LOAD_EVENTS_MAX + 1} offset 0) e)
         on true
  left join ledger.commands r on false
 union all
select {COLUMNS}, {RECEIPT_COLUMNS}, c.clock, c.last, c.live, c.advanced from c
  join ledger.commands r on r.command_id = any($3::uuid[])
  left join ledger.events e on false
 order by 2, 3
""")
"""Events, then receipts, of one snapshot. Every row has the clock, so that there is at least one
row. `offset 0` is an optimization fence: also a plan made for a small log queries each stream by
its key."""
STREAM: Final = Prepared(f"""
select {COLUMNS} from ledger.events e
 where e.originator_id = $1 and e.originator_version > $2 and e.originator_version <= $3
 order by e.originator_version limit $4
""")
PAGE: Final = f"""
select {COLUMNS} from ledger.events e where e.notification_id > %b
 order by e.notification_id limit %b
"""
FOLLOWED: Final = Prepared(f"""
with page as materialized (
    select {COLUMNS} from ledger.events e where e.notification_id > $1::bigint
     order by e.notification_id limit $2::bigint)
select range.*, e.* from (
    select coalesce(max(notification_id), $1::bigint), count(*),
           array_agg(topic) filter (where topic <> all($4::text[])) from page) range
  left join page e on e.topic = any($3::text[])
 order by e.notification_id
""")
"""The last position of a page, the number of its positions, its topics that are not in `$4`, and
its events of the topics in `$3`: the fields of the page are in every row, of which there is at
least one."""
RANGE_WIDTH: Final = 3
OF_TOPICS: Final = f"""
select {COLUMNS} from ledger.events e where topic = any(%b::text[]) order by e.notification_id
"""
EVERY_RECEIPT: Final = f"select {RECEIPT_COLUMNS} from ledger.commands r"
CLOCK_STATE: Final = f"{CLOCK}, (select accepted_offset from ledger.clock where one)"
HEAD: Final = "select coalesce(max(notification_id), 0) from ledger.events"


class EventRow(NamedTuple):
    """An event as a parameter of `append`."""

    stream_id: UUID
    version: int
    topic: str
    state: bytes
    schema_version: int


def append_parameters(
    batch: Sequence[AppendRequest], events: Sequence[Sequence[EventRow]]
) -> list[Value]:
    """The sixteen arrays of `append`: ten with one entry per command, six with one per event.

    Every event gets its id here.
    """
    flat = [event for of_command in events for event in of_command]
    ids, prints, _, deadlines, not_before, actors, traces, subjects, at_versions, refusals = zip(
        *batch, strict=True
    )
    streams, versions, topics, states, schemas = zip(*flat, strict=True) if flat else [()] * 5
    return [
        arrays.uuids(ids),
        arrays.blobs(prints),
        arrays.instants(deadlines),
        arrays.instants(not_before),
        arrays.int4s(map(len, events)),
        arrays.texts(actors),
        arrays.texts(traces),
        arrays.uuids(subjects),
        arrays.int8s(at_versions),
        arrays.blobs(refusals),
        arrays.uuids(streams),
        arrays.int8s(versions),
        arrays.texts(topics),
        arrays.blobs(states),
        arrays.uuids_of(uuid_utils.uuid7().bytes for _ in flat),
        arrays.int4s(schemas),
    ]
