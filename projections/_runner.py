"""Keeping read models up to date: a page of events and the position, in one transaction.

The tracking row is taken first and held to the commit. It is the fence: two runners, or a runner
and a rebuild, cannot both take the same page in. A model whose stored version is not the code's is
built afresh beside the old one and takes over when it has caught up.
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

BUILD_PAGE: Final = 1000
BESIDE: Final = "__next"
VERIFY: Final = "__verify"

ReadPage = Callable[[int, int], Sequence[Recorded]]
"""Events after a position, at most so many."""


class Runner:
    """Takes pages into one read model."""

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
        """Make sure the table is there and of today's version; answers with its position."""
        row = self._tracking(self.model.name)
        if row is None or row[0] != self.model.version:
            self.rebuild(read)
            row = self._tracking(self.model.name)
        return row[1] if row else 0

    def apply_page(self, page: Sequence[Recorded], *, name: str | None = None) -> int:
        """Fold a page; answers with the position the model stands at now.

        A page that does not go on from where the model stands changes nothing: somebody else was
        faster, or the model was rebuilt; go on from the position that comes back.
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
        """Build a fresh table beside the live one, then let it take over; silent for readers.

        Answers with the number of events replayed.
        """
        beside = self.model.name + BESIDE
        position = self._build(beside, read)
        live = self.model.name
        with self._connection.transaction():
            self._connection.execute(
                "select position from read_models.tracking where name = %s for update", (live,)
            )
            while page := read(position, BUILD_PAGE):  # what came in since; the live runner waits
                position = self.apply_page(page, name=beside)
            self._connection.execute(f"drop table if exists read_models.{live}")
            self._connection.execute(f"alter table read_models.{beside} rename to {live}")
            self._connection.execute("delete from read_models.tracking where name = %s", (beside,))
            self._connection.execute(
                "insert into read_models.tracking (name, version, position) values (%s, %s, %s) "
                "on conflict (name) do update set version = excluded.version, "
                "position = excluded.position",
                (live, self.model.version, position),
            )
        return position

    def verify(self, read: ReadPage) -> list[str]:
        """Rebuild beside the live table and compare row by row; answers with what differs.

        The live table stands still at one position while the two are compared.
        """
        beside = self.model.name + VERIFY
        position = self._build(beside, read)
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
            if position > row[1]:  # the live one lags: build the other up to the same place
                self._drop(beside)
                position = self._build(beside, read, up_to=row[1])
            while position < row[1]:
                page = [one for one in read(position, BUILD_PAGE) if one.position <= row[1]]
                position = self.apply_page(page, name=beside)
            differences = self._differences(beside)
            self._drop(beside)
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
        while page := [one for one in read(position, BUILD_PAGE) if one.position <= up_to]:
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

    def _differences(self, beside: str, *, shown_max: int = 5) -> list[str]:
        live, fresh = f"read_models.{self.model.name}", f"read_models.{beside}"
        key = ", ".join(self.model.key)
        found = []
        for what, one, other in (("live", live, fresh), ("rebuilt", fresh, live)):
            query = f"select {key} from (select * from {one} except select * from {other}) d"
            rows = self._connection.execute(f"{query} limit {shown_max}").fetchall()
            found += [f"{self.model.name}: only in the {what} table: {row}" for row in rows]
        return found


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
