"""What a person does with tasks: list them, and retry or drop those that are parked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.postgres.tasks import free_lanes, locked

LIST_MAX: Final = 1000
CHANGE_MAX: Final = 1000
"""Tasks that one transaction changes."""
_LIST: Final = """
select process, key, due_at, lane, payload, waits, attempts, parked, cancelled, reason, leased_at
  from ledger.tasks
 where (process, key) > (%(process)s, %(after)s) and (%(only)s::text is null or process = %(only)s)
 order by process, key limit %(limit)s
"""
_LIST_PARKED: Final = _LIST.replace(" order by", "   and parked\n order by")
_PARKED: Final = "select key from ledger.tasks where process = %s and parked order by key limit %s"
_RETRY: Final = """
update ledger.tasks
   set parked = false, attempts = 0, number = default, waits = lane <> ''
 where process = %s and key = any(%s) and parked returning key, lane
"""
_DROP: Final = """
delete from ledger.tasks where process = %s and key = any(%s) and parked returning key, lane
"""


@dataclass(frozen=True, slots=True)
class StoredTask:
    """A task as it is stored."""

    process: str
    key: str
    due_at: datetime
    lane: str
    payload: dict[str, str]
    waits: bool
    """Whether it is behind an earlier task of its lane."""
    attempts: int
    parked: bool
    cancelled: bool
    reason: str
    """Of the last attempt that failed; empty if none did."""
    leased_at: datetime | None


class TaskAdmin:
    """Lists and changes tasks; what it returns is stored durably."""

    def __init__(self, url: str) -> None:
        self._connect: Callable[[], Connection[TupleRow]] = lambda: connect(
            url, DatabaseRole.PROJECTOR
        )

    def processes(self) -> list[str]:
        """The processes that have followed the log, by name."""
        query = "select name from ledger.process_positions order by name"
        with self._connect() as connection:
            return [name for (name,) in connection.execute(query).fetchall()]

    def list(
        self, *, process: str | None, after: str, parked: bool, limit: int
    ) -> Sequence[StoredTask]:
        """Tasks by process and key.

        Args:
            process: only of this one; None for all.
            after: only keys after this one, of the process; empty for all.
            parked: only those that are parked.
            limit: at most so many, 1 to 1000.
        """
        parameters = {
            "process": process or "",
            "after": after,
            "only": process,
            "limit": min(limit, LIST_MAX),
        }
        with self._connect() as connection:
            cursor = connection.cursor(row_factory=class_row(StoredTask))
            return cursor.execute(_LIST_PARKED if parked else _LIST, parameters).fetchall()

    def retry(self, process: str, keys: Sequence[str]) -> Sequence[str]:
        """Make parked tasks due again, each at the end of its lane; returns their keys."""
        return self._change(_RETRY, process, keys)

    def retry_all(self, process: str) -> int:
        """Make every task that is parked now due again; returns their number."""
        count = 0
        with self._connect() as connection:
            rows = connection.execute(_PARKED, (process, None)).fetchall()
        keys = [key for (key,) in rows]
        for start in range(0, len(keys), CHANGE_MAX):
            count += len(self.retry(process, keys[start : start + CHANGE_MAX]))
        return count

    def drop(self, process: str, keys: Sequence[str]) -> Sequence[str]:
        """Remove parked tasks for ever; returns their keys."""
        return self._change(_DROP, process, keys)

    def _change(self, query: str, process: str, keys: Sequence[str]) -> Sequence[str]:
        with self._connect() as connection, locked(connection, process) as (cursor, _):
            cursor.execute("set local synchronous_commit = on")
            cursor.execute(query, (process, list(keys)))
            lanes = dict(cursor.fetchall())
            free_lanes(cursor, process, set(lanes.values()))
        return sorted(lanes)
