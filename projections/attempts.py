"""Attempts to pay through a processor: which are open, and which a person has to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from application.event_log import Recorded
from domain import ids
from domain.sessions.attempt import Flag
from domain.sessions.payment_session import PaymentSession
from projections._read_model import ReadModel, recordset

_PREFIX: Final = "att_"


class Attempts(ReadModel):
    """The session of every attempt, and whether its end is known. Eventually consistent.

    What else there is to know of an attempt is read from its session, which the log has.
    """

    name = "attempts"
    version = 1
    key = ("attempt_id",)
    follows = (
        PaymentSession.Processing,
        PaymentSession.Paid,
        PaymentSession.Declined,
        PaymentSession.Flagged,
    )
    tables = """
        create table {table} (
            attempt_id uuid primary key, session_id uuid not null, begun_position bigint not null,
            position bigint not null, is_open boolean not null, unresolved boolean not null
        );
        create index on {table} (unresolved, begun_position) where is_open;
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert new attempts in their final state; update the others."""
        begun: dict[str, dict[str, Any]] = {}
        changed: dict[tuple[str, str], int] = {}
        for recorded in events:
            event: Any = recorded.event
            if recorded.topic == PaymentSession.Processing.TOPIC:
                begun[event.attempt_id] = _row(recorded, event)
                continue
            attempt_id, column = _change(event)
            if attempt_id in begun:
                is_open = column != "is_open" and begun[attempt_id]["is_open"]
                unresolved = column == "unresolved" or begun[attempt_id]["unresolved"]
                begun[attempt_id] |= {"is_open": is_open, "unresolved": unresolved}
                begun[attempt_id]["position"] = recorded.position
            elif attempt_id:
                changed[attempt_id, column] = recorded.position
        if begun:
            cursor.execute(
                f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s) "
                "on conflict do nothing",
                (recordset(begun.values()),),
            )
        for (attempt_id, column), position in changed.items():
            cursor.execute(
                f"update {table} set {column} = %s, position = greatest(position, %s) "
                "where attempt_id = %s",
                (column == "unresolved", position, ids.decode("att", attempt_id)),
            )

    def session_of(self, attempt_id: UUID) -> UUID | None:
        """The stream of an attempt's session; None if no such attempt has been counted."""
        query = f"select session_id from read_models.{self.name} where attempt_id = %s"
        with self._connect() as connection:
            row = connection.execute(query, (attempt_id,)).fetchone()
        return row[0] if row else None

    def open(self, *, unresolved: bool, limit: int) -> list[tuple[UUID, UUID]]:
        """The open attempts that began first, each with the stream of its session.

        Args:
            unresolved: only those that a person has to look at.
            limit: the maximum number.
        """
        query = (
            f"select attempt_id, session_id from read_models.{self.name} "
            "where is_open and (unresolved or not %s) order by begun_position limit %s"
        )
        with self._connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(query, (unresolved, limit))]


def _row(recorded: Recorded, event: Any) -> dict[str, Any]:
    return {
        "attempt_id": str(ids.decode("att", event.attempt_id)),
        "session_id": str(recorded.stream_id),
        "begun_position": recorded.position,
        "position": recorded.position,
        "is_open": True,
        "unresolved": False,
    }


def _change(event: Any) -> tuple[str, str]:
    """The attempt that an event is about, and the column that it changes; empty if none."""
    if not isinstance(event, PaymentSession.Flagged):
        return event.attempt_id or "", "is_open"
    if not event.subject_id.startswith(_PREFIX):
        return "", ""
    if event.captured_minor:
        return event.subject_id, "is_open"
    return (event.subject_id, "unresolved") if event.flag == Flag.UNRESOLVED else ("", "")
