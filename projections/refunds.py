"""The session of every refund: a refund is read from its session, which the log has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from application.event_log import Recorded
from domain import ids
from domain.sessions.payment_session import PaymentSession
from projections._read_model import ReadModel, recordset


class Refunds(ReadModel):
    """Which session a refund belongs to; that never changes. Eventually consistent."""

    name = "refunds"
    version = 1
    key = ("refund_id",)
    follows = (PaymentSession.RefundRequested, PaymentSession.RefundSucceeded)
    tables = """
        create table {table} (refund_id uuid primary key, session_id uuid not null);
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert the refunds; a refund is inserted once."""
        rows = []
        for recorded in events:
            event: Any = recorded.event
            refund_id = ids.decode("ref", event.refund_id)
            rows.append({"refund_id": str(refund_id), "session_id": str(recorded.stream_id)})
        cursor.execute(
            f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s) "
            "on conflict do nothing",
            (recordset(rows),),
        )

    def session_of(self, refund_id: UUID) -> UUID | None:
        """The stream of a refund's session; None if no such refund has been counted."""
        query = f"select session_id from read_models.{self.name} where refund_id = %s"
        with self._connect() as connection:
            row = connection.execute(query, (refund_id,)).fetchone()
        return row[0] if row else None
