"""The read model of static codes: every code as it stands, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Cursor
from psycopg.rows import TupleRow

from application.event_log import Recorded
from domain import ids, times
from domain.static_codes.static_code import StaticCode
from domain.static_codes.terms import Terms
from projections._read_model import ReadModel, recordset

_COLUMNS: Final = (
    "static_code_id, merchant_id, merchant_name, currency, amount_minor, min_minor, max_minor, "
    "label, key_id, payloads, created_at, revoked_at, created_position, position"
)


@dataclass(frozen=True, slots=True)
class StaticCodeRow:
    """One static code."""

    static_code_id: str
    merchant_id: str
    merchant_name: str
    currency: str
    amount_minor: int | None
    min_minor: int | None
    max_minor: int | None
    label: str
    key_id: str
    payloads: Mapping[str, str]
    created_at: datetime
    revoked_at: datetime | None
    created_position: int
    """Of `static_code.issued`; the order of the list."""
    position: int
    """Of the code's last event."""

    @property
    def public_id(self) -> str:
        """Public TypeID."""
        return self.static_code_id

    @property
    def terms(self) -> Terms:
        """What may be paid."""
        return Terms(
            currency=self.currency,
            amount_minor=self.amount_minor,
            min_minor=self.min_minor,
            max_minor=self.max_minor,
        )

    @property
    def created_on(self) -> datetime:
        """When the code was made."""
        return self.created_at


class StaticCodes(ReadModel):
    """All static codes. Eventually consistent."""

    name = "static_codes"
    version = 1
    key = ("static_code_id",)
    follows = (StaticCode.Issued, StaticCode.Revoked)
    tables = """
        create table {table} (
            static_code_id text primary key, merchant_id text not null, merchant_name text not null,
            currency text not null, amount_minor bigint, min_minor bigint, max_minor bigint,
            label text not null, key_id text not null, payloads jsonb not null,
            created_at timestamptz not null, revoked_at timestamptz,
            created_position bigint not null, position bigint not null
        ) with (fillfactor = 90);
        create index on {table} (merchant_id, created_position desc);
        create index on {table} (created_position desc);
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert the codes of a page, then mark those that it revokes."""
        rows: list[dict[str, Any]] = []
        revoked: list[dict[str, Any]] = []
        for recorded in events:
            event: Any = recorded.event
            code_id = ids.encode("sc", recorded.stream_id)
            if isinstance(event, StaticCode.Issued):
                rows.append(_row(code_id, recorded, event))
            else:
                change = {"static_code_id": code_id, "position": recorded.position}
                revoked.append({**change, "revoked_at": times.to_text(event.timestamp)})
        cursor.execute(
            f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s) "
            "on conflict do nothing",
            (recordset(rows),),
        )
        cursor.execute(
            f"update {table} t set revoked_at = c.revoked_at, position = c.position "
            f"from jsonb_populate_recordset(null::{table}, %s) c "
            "where c.static_code_id = t.static_code_id",
            (recordset(revoked),),
        )

    def newest(
        self, *, merchant_id: str | None = None, before: int | None = None, limit: int
    ) -> list[StaticCodeRow]:
        """Codes made before a position, newest first.

        Args:
            merchant_id: of this merchant only; None for all.
            before: made before this position.
            limit: the maximum number of rows.
        """
        conditions = {"merchant_id = %s": merchant_id, "created_position < %s": before}
        return self._newest(StaticCodeRow, _COLUMNS, conditions, limit)


def _row(code_id: str, recorded: Recorded, event: Any) -> dict[str, Any]:
    return {
        "static_code_id": code_id,
        "merchant_id": event.merchant_id,
        "merchant_name": event.merchant_name,
        "currency": event.currency,
        "amount_minor": event.amount_minor,
        "min_minor": event.min_minor,
        "max_minor": event.max_minor,
        "label": event.label,
        "key_id": event.key_id,
        "payloads": event.payloads,
        "created_at": times.to_text(event.timestamp),
        "revoked_at": None,
        "created_position": recorded.position,
        "position": recorded.position,
    }
