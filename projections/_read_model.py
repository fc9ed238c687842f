"""A read model: rows made from events, and the questions they answer.

A model is one class in one file of this package; it is found by being there. It never sends, calls
or reads another's rows. Its rows and its position are written in one transaction, so an event
counts once; replaying from position 1 ends with the same rows.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

import projections
from application.event_log import Recorded
from domain import text

Connect = Callable[[], AbstractContextManager[Connection[TupleRow]]]


class ReadModel(ABC):
    """Base of every read model."""

    name: ClassVar[str]
    """The table's name in the schema `read_models`."""
    version: ClassVar[int] = 1
    """Raise it when rows change shape: a fresh table fills from position 1, then takes over."""
    follows: ClassVar[tuple[type[Any], ...]]
    """The event classes it needs."""
    tables: ClassVar[str]
    """`create table {table} (…)` and its indexes, unnamed: two builds may stand side by side."""
    key: ClassVar[tuple[str, ...]]
    """The columns that name a row."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    @classmethod
    def topics(cls) -> frozenset[str]:
        """The topics of the events it needs."""
        return frozenset(event.TOPIC for event in cls.follows)

    @classmethod
    @abstractmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Fold a page of events into `table`; the runner has opened the transaction."""


def recordset(rows: Iterable[Mapping[str, Any]]) -> Jsonb:
    """Rows as `jsonb_populate_recordset` takes them; values are primitives.

    PostgreSQL holds no U+0000 in texts. Events stored before texts were checked may, so what is not
    acceptable is replaced visibly: an event never stops a read model by its text.
    """
    return Jsonb([{name: _storable(value) for name, value in row.items()} for row in rows])


def _storable(value: Any) -> Any:
    return text.replace_unacceptable(value) if isinstance(value, str) else value


def all_models() -> list[type[ReadModel]]:
    """Every read model of this package, by name."""
    found: dict[str, type[ReadModel]] = {}
    for info in pkgutil.iter_modules(projections.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"projections.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, ReadModel) and value is not ReadModel:
                found[value.name] = value
    return [found[name] for name in sorted(found)]
