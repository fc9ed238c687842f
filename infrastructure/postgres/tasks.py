"""The store of tasks in `ledger.tasks`: few statements for each claim and each settlement.

Whatever changes a lane locks the row of its process in `ledger.process_positions` first. Tasks are
therefore numbered in the order of their commits, and the first task of a lane, the only one that
does not wait, remains the first until it is settled, parked or cancelled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from application.ports.tasks import (
    Changes,
    ClaimedTask,
    Finished,
    Parked,
    Progress,
    Retried,
    Settlement,
)
from application.processes.process import Task
from domain import text
from infrastructure.postgres.connections import ConnectionPool

REASON_CHARS_MAX: Final = 200

_LOCK: Final = "select position from ledger.process_positions where name = %s for update"
_CLAIM: Final = """
with durable as materialized (select set_config('synchronous_commit', 'on', true)),
clock as materialized (select ledger.now() as at),
repeated as materialized (
    select key from ledger.tasks
     where process = %(process)s and attempts > 0 and not parked and due_at <= %(now)s
       and (leased_at is null or (select at from clock)
            not between leased_at - %(lease)s and leased_at + %(lease)s)
     order by due_at limit %(repeats_max)s for update skip locked),
first as materialized (
    select key from ledger.tasks
     where process = %(process)s and not waits and attempts = 0 and not parked
       and due_at <= %(now)s
     order by due_at limit %(tasks_max)s for update skip locked),
chosen as (
    select key from (select key, 1 turn from repeated union all select key, 2 from first) free,
                    durable
     order by turn limit %(tasks_max)s)
update ledger.tasks t
   set attempts = t.attempts + 1, token = %(token)s, leased_at = (select at from clock)
  from chosen
 where t.process = %(process)s and t.key = chosen.key
returning t.key, t.due_at, t.lane, t.payload, t.attempts
"""
"""A lease ends when the ledger's clock is further from its beginning than it lasts, in either
direction: a clock that was set back does not prolong it, and an advance of a test clock ends it. It
is durable before a call is made, so that a cancel after a crash of the database knows of it."""
_FINISH: Final = """
with gone as (
    delete from ledger.tasks
     where process = %(process)s and key = any(%(keys)s) and token = %(token)s returning key, lane),
freed as (
    update ledger.tasks t set waits = false
      from (select distinct lane from gone where lane <> '') l
     cross join lateral (
        select key from ledger.tasks
         where process = %(process)s and lane = l.lane and lane <> '' and not parked
           and not (key = any(%(keys)s) and token is not distinct from %(token)s)
         order by number limit 1) head
     where t.process = %(process)s and t.key = head.key and t.waits)
select key from gone
"""
"""Removes tasks and frees their lanes. Both parts see the tasks as they were before."""
_FORGET: Final = """
delete from ledger.tasks
 where process = %s and key = any(%s) and token = %s and cancelled returning key, lane
"""
_REPEAT: Final = """
update ledger.tasks t
   set due_at = n.due_at, attempts = n.attempts, reason = n.reason, token = null, leased_at = null
  from unnest(%s::text[], %s::timestamptz[], %s::int[], %s::text[])
       as n (key, due_at, attempts, reason)
 where t.process = %s and t.key = n.key and t.token = %s returning t.key
"""
_PARK: Final = """
update ledger.tasks t
   set parked = true, waits = false, reason = n.reason, token = null, leased_at = null
  from unnest(%s::text[], %s::text[]) as n (key, reason)
 where t.process = %s and t.key = n.key and t.token = %s returning t.key, t.lane
"""
_INSERT: Final = """
insert into ledger.tasks (process, key, due_at, lane, payload, waits)
select %s, n.key, n.due_at, n.lane, n.payload::json, n.lane <> ''
  from unnest(%s::text[], %s::timestamptz[], %s::text[], %s::text[])
       with ordinality as n (key, due_at, lane, payload, place)
 order by n.place
on conflict (process, key) do update set cancelled = false where tasks.cancelled
"""
_LOCK_TASKS: Final = """
select 1 from ledger.tasks where process = %s and key = any(%s) for update
"""
"""A claim under way ends first; so a task is either under a lease or not."""
_CANCEL: Final = """
with marked as (
    update ledger.tasks set cancelled = true
     where process = %(process)s and key = any(%(keys)s) and token is not null and not cancelled)
delete from ledger.tasks
 where process = %(process)s and key = any(%(keys)s) and token is null returning key, lane
"""
_FREE_LANES: Final = """
update ledger.tasks t set waits = false
  from unnest(%(lanes)s::text[]) as l (lane)
 cross join lateral (
    select key from ledger.tasks
     where process = %(process)s and lane = l.lane and lane <> '' and not parked
     order by number limit 1) head
 where t.process = %(process)s and t.key = head.key and t.waits
"""
_MOVE: Final = "update ledger.process_positions set position = %s where name = %s"
_BEGIN: Final = """
insert into ledger.process_positions (name, position, topics) values (%s, %s, %s)
on conflict (name) do update set topics = excluded.topics
"""


class PostgresTasks:
    """`application.ports.tasks.TaskStore` in PostgreSQL."""

    def __init__(self, pool: ConnectionPool) -> None:
        """Keep tasks in a database.

        Args:
            pool: connections of the projector.
        """
        self._pool = pool

    def progress(self, process: str) -> Progress | None:
        """See the port."""
        query = "select position, topics from ledger.process_positions where name = %s"
        with self._pool.connection() as connection:
            row = connection.execute(query, (process,)).fetchone()
        return Progress(row[0], frozenset(row[1])) if row else None

    def begin(self, process: str, position: int, topics: frozenset[str]) -> None:
        """See the port."""
        with self._pool.connection() as connection:
            connection.execute(_BEGIN, (process, position, sorted(topics)))

    def replay(self, process: str, changes: Changes) -> None:
        """See the port."""
        with self._locked(process) as (cursor, _):
            _apply(cursor, process, changes)

    def record(self, process: str, after: int, last: int, changes: Changes) -> int:
        """See the port."""
        with self._locked(process) as (cursor, position):
            if position != after:
                return position
            _apply(cursor, process, changes)
            cursor.execute(_MOVE, (last, process))
        return last

    def claim(
        self,
        process: str,
        *,
        now: datetime,
        tasks_max: int,
        repeats_max: int,
        lease_seconds: float,
        token: UUID,
    ) -> Sequence[ClaimedTask]:
        """See the port."""
        parameters = {
            "process": process,
            "now": now,
            "tasks_max": tasks_max,
            "repeats_max": repeats_max,
            "lease": timedelta(seconds=lease_seconds),
            "token": token,
        }
        with self._pool.connection() as connection:
            rows = connection.execute(_CLAIM, parameters).fetchall()
        return [
            ClaimedTask(Task(key=key, due_at=due_at, lane=lane, payload=payload), attempts)
            for key, due_at, lane, payload, attempts in rows
        ]

    def settle(
        self, process: str, token: UUID, settlements: Sequence[Settlement]
    ) -> frozenset[str]:
        """See the port."""
        finished = {one.key: one for one in settlements if isinstance(one, Finished)}
        kept = [one for one in settlements if not isinstance(one, Finished)]
        if not kept and not any(one.tasks for one in finished.values()):
            return self._finish(process, token, list(finished))
        with self._locked(process) as (cursor, _):
            done = _finish(cursor, process, token, list(finished))
            settled = _forget(cursor, process, token, [one.key for one in kept])
            remaining = [one for one in kept if one.key not in settled]
            settled |= _keep(cursor, process, token, remaining)
            further = [task for key in finished if key in done for task in finished[key].tasks]
            lanes = {*settled.values(), *_insert(cursor, process, further)}
            free_lanes(cursor, process, lanes)
        return done | settled.keys()

    def _finish(self, process: str, token: UUID, keys: list[str]) -> frozenset[str]:
        """Remove tasks that leave nothing behind, in one round trip."""
        with self._pool.connection() as connection:
            with connection.pipeline(), connection.transaction():
                connection.execute(_LOCK, (process,))
                parameters = {"process": process, "keys": keys, "token": token}
                cursor = connection.execute(_FINISH, parameters)
            return frozenset(key for (key,) in cursor.fetchall())

    @contextmanager
    def _locked(self, process: str) -> Iterator[tuple[Cursor[TupleRow], int]]:
        with self._pool.connection() as connection, locked(connection, process) as held:
            yield held


@contextmanager
def locked(
    connection: Connection[TupleRow], process: str
) -> Iterator[tuple[Cursor[TupleRow], int]]:
    """A transaction that holds the lock of a process, and the position of the process."""
    with connection.transaction():
        cursor = connection.cursor()
        row = cursor.execute(_LOCK, (process,)).fetchone()
        yield cursor, row[0] if row else 0


def _apply(cursor: Cursor[TupleRow], process: str, changes: Changes) -> None:
    lanes: set[str] = set()
    if changes.cancelled:
        keys = list(changes.cancelled)
        cursor.execute(_LOCK_TASKS, (process, keys))
        cursor.execute(_CANCEL, {"process": process, "keys": keys})
        lanes.update(lane for _, lane in cursor.fetchall())
    lanes.update(_insert(cursor, process, changes.tasks))
    free_lanes(cursor, process, lanes)


def _insert(cursor: Cursor[TupleRow], process: str, tasks: Sequence[Task]) -> set[str]:
    """Store tasks, of equal keys the first; returns their lanes."""
    if tasks:
        unique = {task.key: task for task in reversed(tasks)}
        in_order = list(reversed(unique.values()))
        parameters = (
            process,
            [task.key for task in in_order],
            [task.due_at for task in in_order],
            [task.lane for task in in_order],
            [msgspec.json.encode(task.payload).decode() for task in in_order],
        )
        cursor.execute(_INSERT, parameters)
    return {task.lane for task in tasks}


def _finish(cursor: Cursor[TupleRow], process: str, token: UUID, keys: list[str]) -> frozenset[str]:
    """Remove finished tasks; returns their keys."""
    if not keys:
        return frozenset()
    cursor.execute(_FINISH, {"process": process, "keys": keys, "token": token})
    return frozenset(key for (key,) in cursor.fetchall())


def _forget(cursor: Cursor[TupleRow], process: str, token: UUID, keys: list[str]) -> dict[str, str]:
    """Remove cancelled tasks; returns their lanes by key."""
    if not keys:
        return {}
    cursor.execute(_FORGET, (process, keys, token))
    return dict(cursor.fetchall())


def _keep(
    cursor: Cursor[TupleRow], process: str, token: UUID, kept: Iterable[Retried | Parked]
) -> dict[str, str]:
    """Settle the tasks that remain; returns the lanes to look at, by key."""
    settled: dict[str, str] = {}
    repeated = [one for one in kept if isinstance(one, Retried)]
    parked = [one for one in kept if isinstance(one, Parked)]
    if repeated:
        columns: tuple[list[Any], ...] = (
            [one.key for one in repeated],
            [one.due_at for one in repeated],
            [one.attempts for one in repeated],
            [_reason(one.reason) for one in repeated],
        )
        cursor.execute(_REPEAT, (*columns, process, token))
        settled |= dict.fromkeys((key for (key,) in cursor.fetchall()), "")
    if parked:
        keys, reasons = [one.key for one in parked], [_reason(one.reason) for one in parked]
        cursor.execute(_PARK, (keys, reasons, process, token))
        settled |= dict(cursor.fetchall())
    return settled


def free_lanes(cursor: Cursor[TupleRow], process: str, lanes: Collection[str]) -> None:
    """Let the first task of each lane no longer wait."""
    if any(lanes):
        cursor.execute(_FREE_LANES, {"process": process, "lanes": sorted(lanes)})


def _reason(reason: str) -> str:
    return text.replace_unacceptable(reason)[:REASON_CHARS_MAX]
