"""Read models: rows made from events, and the queries on these rows.

A read model is one class in one module of this package and is discovered there. It has no effects
outside its own tables. Its rows and its position are written in one transaction, so every event
counts once; a rebuild from position 1 produces the same rows.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, TypeVar

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

import projections
from application.event_log import Recorded
from domain import text

R = TypeVar("R")
Connect = Callable[[], AbstractContextManager[Connection[TupleRow]]]


class ReadModel(ABC):
    """Base class of every read model. An instance runs the queries and holds no rows."""

    name: ClassVar[str]
    """The table's name in the schema `read_models`."""
    version: ClassVar[int] = 1
    """Raise it when the rows change shape: a new table is built and then replaces the old one."""
    follows: ClassVar[tuple[type[Any], ...]]
    """The event classes that `apply` handles."""
    tables: ClassVar[str]
    """`create table {table} (…)` and indexes without names: two builds may exist at a time."""
    key: ClassVar[tuple[str, ...]]
    """The columns of the primary key."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    @classmethod
    def topics(cls) -> frozenset[str]:
        """The topics of the event classes in `follows`."""
        return frozenset(event.TOPIC for event in cls.follows)

    @classmethod
    @abstractmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Apply a page of events to `table`, within the transaction of the runner."""

    def _newest(
        self, row: type[R], columns: str, conditions: Mapping[str, Any], limit: int
    ) -> list[R]:
        """Rows of the table `name`, ordered by `created_position`, the newest first.

        Args:
            row: the dataclass of a row.
            columns: its columns.
            conditions: each with one `%s`, and its value; those of None are left out.
            limit: the maximum number of rows.
        """
        given = {condition: value for condition, value in conditions.items() if value is not None}
        query = (
            f"select {columns} from read_models.{self.name} "
            f"where {' and '.join(['true', *given])} order by created_position desc limit %s"
        )
        with self._connect() as connection:
            cursor = connection.cursor(row_factory=class_row(row))
            return cursor.execute(query, (*given.values(), limit)).fetchall()


M = TypeVar("M", bound=ReadModel)


class ReadModels:
    """The queries of every read model, such as `read_models[Sessions].of_merchant(…)`."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def __getitem__(self, model: type[M]) -> M:
        """The queries of a read model."""
        return model(self._connect)

    def position(self, model: type[ReadModel]) -> int:
        """The position of the last event applied to a read model; 0 before the first."""
        query = "select position from read_models.tracking where name = %s"
        with self._connect() as connection:
            row = connection.execute(query, (model.name,)).fetchone()
        return int(row[0]) if row else 0


def recordset(rows: Iterable[Mapping[str, Any]]) -> Jsonb:
    """Rows of primitive values, as `jsonb_populate_recordset` takes them.

    PostgreSQL texts cannot hold U+0000, but events stored by early releases may. Characters that
    are not acceptable become visible replacements, so that no text halts a read model.
    """
    return Jsonb([{name: _storable(value) for name, value in row.items()} for row in rows])


def _storable(value: Any) -> Any:
    return text.replace_unacceptable(value) if isinstance(value, str) else value


def all_models() -> list[type[ReadModel]]:
    """Every read model of this package, by name."""
    models: dict[str, type[ReadModel]] = {}
    for module_info in pkgutil.iter_modules(projections.__path__):
        if module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"projections.{module_info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, ReadModel) and value is not ReadModel:
                models[value.name] = value
    return [models[name] for name in sorted(models)]
