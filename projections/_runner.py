"""The runner of read models: applies a page of events and moves the position in one transaction.

Every transaction moves the position first, which locks it until the commit. Two runners, or a
runner and a rebuild, therefore cannot both apply the same page. A read model whose stored version
differs from the code's is rebuilt in a new table, which then replaces the old one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from application.consumer import Page, ReadPage
from application.health import Lag
from application.ports.metrics import Metrics, NoMetrics
from projections._read_model import Connect, ReadModel, all_models

BUILD_PAGE_EVENTS: Final = 1000
NEXT_SUFFIX: Final = "__next"
VERIFY_SUFFIX: Final = "__verify"


class Runner:
    """An `application.consumer.Consumer` that applies the log to one read model.

    It takes a connection for each transaction, so that many read models can share a few.
    """

    def __init__(
        self, model: type[ReadModel], connect: Connect, *, metrics: Metrics | None = None
    ) -> None:
        self.model = model
        self._connect = connect
        self._metrics = metrics if metrics is not None else NoMetrics()

    @property
    def name(self) -> str:
        """The name of the read model."""
        return self.model.name

    @property
    def topics(self) -> frozenset[str]:
        """The topics of the read model."""
        return self.model.topics()

    def prepare(self, read: ReadPage) -> int:
        """Build the table if it is missing or of another version; returns the position."""
        row = self._tracking(self.model.name)
        if row is None or row[0] != self.model.version:
            self.rebuild(read)
            row = self._tracking(self.model.name)
        return row[1] if row else 0

    def apply(self, page: Page) -> int:
        """Apply a page of events; returns the position of the read model.

        Does nothing if the page does not begin right after this position, because another runner
        was faster or the read model was rebuilt. Continue after the returned position.
        """
        with self._connect() as connection:
            position = self._apply(connection, page, self.model.name)
        if position == page.last:
            self._metrics.projected(name=self.name, events=len(page.events), position=position)
        return position

    def rebuild(self, read: ReadPage) -> int:
        """Build a new table and replace the live one; queries continue meanwhile.

        Returns the number of events replayed.
        """
        new = self.model.name + NEXT_SUFFIX
        position = self._build(new, read)
        live = self.model.name
        with self._transaction() as connection:
            connection.execute(
                "select position from read_models.tracking where name = %s for update", (live,)
            )
            while (page := read(position, BUILD_PAGE_EVENTS)).last > position:
                position = self._apply(connection, page, new)  # newer events; the runner waits
            connection.execute(f"drop table if exists read_models.{live}")
            connection.execute(f"alter table read_models.{new} rename to {live}")
            connection.execute("delete from read_models.tracking where name = %s", (new,))
            connection.execute(
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
        with self._transaction() as connection:
            cursor = connection.execute(
                "select version, position from read_models.tracking where name = %s for update",
                (self.model.name,),
            )
            row = cursor.fetchone()
            if row is None or row[0] != self.model.version:
                return [
                    f"{self.model.name}: there is no live table of version {self.model.version}"
                ]
            if position > row[1]:  # the live table lags: rebuild up to its position
                position = self._start(connection, rebuilt)
            while position < row[1]:
                page = read(position, min(BUILD_PAGE_EVENTS, row[1] - position))
                position = self._apply(connection, page, rebuilt)
            differences = self._differences(connection, rebuilt)
            self._drop(connection, rebuilt)
        return differences

    @contextmanager
    def _transaction(self) -> Iterator[Connection[TupleRow]]:
        with self._connect() as connection, connection.transaction():
            yield connection

    def _apply(self, connection: Connection[TupleRow], page: Page, name: str) -> int:
        """Apply a page to a table of the read model; returns the position of the table."""
        with connection.transaction():
            moved = connection.execute(
                "update read_models.tracking set position = %s where name = %s and position = %s",
                (page.last, name, page.after),
            )
            if moved.rowcount:
                if events := page.of(self.topics):
                    self.model.apply(events, connection.cursor(), f"read_models.{name}")
                return page.last
        row = connection.execute(
            "select position from read_models.tracking where name = %s", (name,)
        ).fetchone()
        return int(row[0]) if row else 0

    def _build(self, name: str, read: ReadPage) -> int:
        with self._transaction() as connection:
            position = self._start(connection, name)
        while (page := read(position, BUILD_PAGE_EVENTS)).last > position:
            with self._connect() as connection:
                position = self._apply(connection, page, name)
        return position

    def _start(self, connection: Connection[TupleRow], name: str) -> int:
        """Create an empty table; returns its position, 0."""
        self._drop(connection, name)
        connection.execute(self.model.tables.format(table=f"read_models.{name}"))
        connection.execute(
            "insert into read_models.tracking (name, version, position) values (%s, %s, 0)",
            (name, self.model.version),
        )
        return 0

    @staticmethod
    def _drop(connection: Connection[TupleRow], name: str) -> None:
        connection.execute(f"drop table if exists read_models.{name}")
        connection.execute("delete from read_models.tracking where name = %s", (name,))

    def _tracking(self, name: str) -> tuple[int, int] | None:
        with self._connect() as connection:
            row = connection.execute(
                "select version, position from read_models.tracking where name = %s", (name,)
            ).fetchone()
        return (int(row[0]), int(row[1])) if row else None

    def _differences(
        self, connection: Connection[TupleRow], rebuilt_name: str, *, rows_max: int = 5
    ) -> list[str]:
        live, rebuilt = f"read_models.{self.model.name}", f"read_models.{rebuilt_name}"
        key = ", ".join(self.model.key)
        differences = []
        for which, table, other in (("live", live, rebuilt), ("rebuilt", rebuilt, live)):
            query = f"select {key} from (select * from {table} except select * from {other}) d"
            rows = connection.execute(f"{query} limit {rows_max}").fetchall()
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
