"""Read models of what a processor ends: which are open, and which a person has to look at."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from application.event_log import Recorded
from domain import ids
from domain.sessions.attempt import Flag
from domain.sessions.payment_session import PaymentSession
from projections._read_model import ReadModel, recordset


class Change(NamedTuple):
    """What an event changes of its subject."""

    subject: str
    """The public id."""
    begins: bool = False
    ends: bool = False
    """Its end is known."""
    unresolved: bool = False
    """A person has to look at it."""


class OpenSubject(NamedTuple):
    """A subject whose end is not known."""

    id: UUID
    session_id: UUID
    begun_position: int


class OpenSubjects(ReadModel):
    """The session of every subject of a kind, and whether its end is known. May lag.

    What else there is to know of it is read from its session, which the log has.
    """

    prefix: ClassVar[str]
    """Of the public ids."""

    @classmethod
    @abstractmethod
    def change(cls, event: Any) -> Change | None:
        """What an event other than a flag changes; None: nothing."""

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert new subjects in their final state; update the others."""
        [key] = cls.key
        begun: dict[str, dict[str, Any]] = {}
        changed: dict[tuple[str, str], int] = {}
        for recorded in events:
            change = cls._change(recorded.event)
            if change is None:
                continue
            subject = change.subject
            if change.begins:
                begun[subject] = {
                    key: str(ids.decode(cls.prefix, subject)),
                    "session_id": str(recorded.stream_id),
                    "begun_position": recorded.position,
                    "is_open": True,
                    "unresolved": False,
                }
            if subject in begun:
                row = begun[subject]
                row["is_open"] = row["is_open"] and not change.ends
                row["unresolved"] = row["unresolved"] or change.unresolved
                row["position"] = recorded.position
            else:
                changed[subject, "is_open" if change.ends else "unresolved"] = recorded.position
        if begun:
            cursor.execute(
                f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s) "
                "on conflict do nothing",
                (recordset(begun.values()),),
            )
        for (subject, column), position in changed.items():
            cursor.execute(
                f"update {table} set {column} = %s, position = greatest(position, %s) "
                f"where {key} = %s",
                (column == "unresolved", position, ids.decode(cls.prefix, subject)),
            )

    def session_of(self, subject_id: UUID) -> UUID | None:
        """The stream of a subject's session; None if no such subject has been counted."""
        [key] = self.key
        query = f"select session_id from read_models.{self.name} where {key} = %s"
        with self._connect() as connection:
            row = connection.execute(query, (subject_id,)).fetchone()
        return row[0] if row else None

    def open(self, *, unresolved: bool, limit: int) -> list[OpenSubject]:
        """The open subjects that began first.

        Args:
            unresolved: only those that a person has to look at.
            limit: the maximum number.
        """
        [key] = self.key
        query = (
            f"select {key}, session_id, begun_position from read_models.{self.name} "
            "where is_open and (unresolved or not %s) order by begun_position limit %s"
        )
        with self._connect() as connection:
            return [OpenSubject(*row) for row in connection.execute(query, (unresolved, limit))]

    @classmethod
    def _change(cls, event: Any) -> Change | None:
        if not isinstance(event, PaymentSession.Flagged):
            return cls.change(event)
        if not event.subject_id.startswith(f"{cls.prefix}_"):
            return None
        captured, unresolved = bool(event.captured_minor), event.flag == Flag.UNRESOLVED
        if not captured and not unresolved:
            return None
        return Change(event.subject_id, ends=captured, unresolved=not captured)


def table_of(key: str) -> str:
    """The statements that create such a table."""
    return f"""
        create table {{table}} (
            {key} uuid primary key, session_id uuid not null, begun_position bigint not null,
            position bigint not null, is_open boolean not null, unresolved boolean not null
        );
        create index on {{table}} (unresolved, begun_position) where is_open;
    """
