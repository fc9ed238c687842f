"""The runner of read models: applies a page of events and moves the position in one transaction.

Every transaction locks the tracking row first and holds it until the commit. Two runners, or a
runner and a rebuild, therefore cannot both apply the same page. A read model whose stored version
differs from the code's is rebuilt in a new table, which then replaces the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from application.event_log import Recorded
from application.health import Lag
from application.ports.metrics import Metrics, NoMetrics
from projections._read_model import ReadModel, all_models

BUILD_PAGE_EVENTS: Final = 1000
NEXT_SUFFIX: Final = "__next"
VERIFY_SUFFIX: Final = "__verify"

ReadPage = Callable[[int, int], Sequence[Recorded]]
"""Reads events after a position, up to a maximum number."""


class Runner:
    """Applies pages of events to one read model."""

    def __init__(
        self,
        model: type[ReadModel],
        connection: Connection[TupleRow],
        *,
        metrics: Metrics | None = None,
    ) -> None:
        self.model = model
        self._connection = connection
        self._metrics = metrics if metrics is not None else NoMetrics()

    def prepare(self, read: ReadPage) -> int:
        """Build the table if it is missing or of another version; returns the position."""
        row = self._tracking(self.model.name)
        if row is None or row[0] != self.model.version:
            self.rebuild(read)
            row = self._tracking(self.model.name)
        return row[1] if row else 0

    def apply_page(self, page: Sequence[Recorded], *, name: str | None = None) -> int:
        """Apply a page of events; returns the position of the read model.

        Does nothing if the page does not start right after this position, because another runner
        was faster or the read model was rebuilt. Continue after the returned position.
        """
        name = name or self.model.name
        with self._connection.transaction():
            cursor = self._connection.execute(
                "select position from read_models.tracking where name = %s for update", (name,)
            )
            row = cursor.fetchone()
            position = int(row[0]) if row else -1
            if page[0].position != position + 1:
                return position
            topics = self.model.topics()
            events = [recorded for recorded in page if recorded.topic in topics]
            if events:
                self.model.apply(events, self._connection.cursor(), f"read_models.{name}")
            position = page[-1].position
            self._connection.execute(
                "update read_models.tracking set position = %s where name = %s", (position, name)
            )
        self._metrics.projected(name=name, events=len(page), position=position)
        return position

    def rebuild(self, read: ReadPage) -> int:
        """Build a new table and replace the live one; queries continue meanwhile.

        Returns the number of events replayed.
        """
        new = self.model.name + NEXT_SUFFIX
        position = self._build(new, read)
        live = self.model.name
        with self._connection.transaction():
            self._connection.execute(
                "select position from read_models.tracking where name = %s for update", (live,)
            )
            while page := read(position, BUILD_PAGE_EVENTS):  # newer events; the runner waits
                position = self.apply_page(page, name=new)
            self._connection.execute(f"drop table if exists read_models.{live}")
            self._connection.execute(f"alter table read_models.{new} rename to {live}")
            self._connection.execute("delete from read_models.tracking where name = %s", (new,))
            self._connection.execute(
                "insert into read_models.tracking (name, version, position) values (%s, %s, %s) "
                "on conflict (name) do update set version = excluded.version, "
                "position = excluded.position",
                (live, self.model.version, position),
            )
        return position

    def verify(self, read: ReadPage) -> list[str]:
        """Rebuild into a second table and compare the rows; returns the differences.

        The live table is locked at one position during the comparison.
        """
        rebuilt = self.model.name + VERIFY_SUFFIX
        position = self._build(rebuilt, read)
        with self._connection.transaction():
            cursor = self._connection.execute(
                "select version, position from read_models.tracking where name = %s for update",
                (self.model.name,),
            )
            row = cursor.fetchone()
            if row is None or row[0] != self.model.version:
                return [
                    f"{self.model.name}: there is no live table of version {self.model.version}"
                ]
            if position > row[1]:  # the live table lags: rebuild up to its position
                self._drop(rebuilt)
                position = self._build(rebuilt, read, up_to=row[1])
            while position < row[1]:
                events = read(position, BUILD_PAGE_EVENTS)
                page = [event for event in events if event.position <= row[1]]
                position = self.apply_page(page, name=rebuilt)
            differences = self._differences(rebuilt)
            self._drop(rebuilt)
        return differences

    def _build(self, name: str, read: ReadPage, *, up_to: int = 2**62) -> int:
        self._drop(name)
        with self._connection.transaction():
            self._connection.execute(self.model.tables.format(table=f"read_models.{name}"))
            self._connection.execute(
                "insert into read_models.tracking (name, version, position) values (%s, %s, 0)",
                (name, self.model.version),
            )
        position = 0
        while page := [e for e in read(position, BUILD_PAGE_EVENTS) if e.position <= up_to]:
            position = self.apply_page(page, name=name)
        return position

    def _drop(self, name: str) -> None:
        with self._connection.transaction():
            self._connection.execute(f"drop table if exists read_models.{name}")
            self._connection.execute("delete from read_models.tracking where name = %s", (name,))

    def _tracking(self, name: str) -> tuple[int, int] | None:
        row = self._connection.execute(
            "select version, position from read_models.tracking where name = %s", (name,)
        ).fetchone()
        return (int(row[0]), int(row[1])) if row else None

    def _differences(self, rebuilt_name: str, *, rows_max: int = 5) -> list[str]:
        live, rebuilt = f"read_models.{self.model.name}", f"read_models.{rebuilt_name}"
        key = ", ".join(self.model.key)
        differences = []
        for which, table, other in (("live", live, rebuilt), ("rebuilt", rebuilt, live)):
            query = f"select {key} from (select * from {table} except select * from {other}) d"
            rows = self._connection.execute(f"{query} limit {rows_max}").fetchall()
            differences += [f"{self.model.name}: only in the {which} table: {row}" for row in rows]
        return differences


def read_lags(connection: Connection[TupleRow]) -> list[Lag]:
    """The lag of every read model, by name; infinite seconds for one that was never built.

    Raises:
        psycopg.OperationalError: the database is unavailable.
    """
    query = """
        select t.name, t.position, greatest(0, h.head - t.position),
               greatest(0, coalesce(extract(epoch from ledger.now() - e.recorded_at), 0))::float8
          from read_models.tracking t
          cross join (select coalesce(max(notification_id), 0) head from ledger.events) h
          left join ledger.events e on e.notification_id = t.position + 1
    """
    try:
        rows = connection.execute(query).fetchall()
    except psycopg.errors.UndefinedTable:
        rows = []
    built = {row[0]: Lag(*row) for row in rows}
    return [built.get(m.name) or Lag(m.name, 0, 0, float("inf")) for m in all_models()]
