"""The read model of payouts: every payout as it stands, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Cursor
from psycopg.rows import TupleRow

from application.event_log import Recorded
from domain import ids, times
from domain.money.money import Money
from domain.payouts.payout import Payout, PayoutStatus
from projections._read_model import ReadModel, recordset

_COLUMNS: Final = (
    "payout_id, merchant_id, status, amount_minor, currency, exponent, destination, reason, "
    "bank_reference, created_at, created_position, position"
)


@dataclass(frozen=True, slots=True)
class PayoutRow:
    """One payout."""

    payout_id: str
    merchant_id: str
    status: str
    amount_minor: int
    currency: str
    exponent: int
    destination: str
    reason: str
    bank_reference: str
    created_at: datetime
    created_position: int
    """Of `payout.requested`; the order of the list."""
    position: int
    """Of the payout's last event."""

    @property
    def public_id(self) -> str:
        """Public TypeID."""
        return self.payout_id

    @property
    def amount(self) -> Money:
        """The amount."""
        return Money(self.amount_minor, self.currency)

    @property
    def created_on(self) -> datetime:
        """When the payout was requested."""
        return self.created_at


class Payouts(ReadModel):
    """All payouts. Eventually consistent."""

    name = "payouts"
    version = 1
    key = ("payout_id",)
    follows = (Payout.Requested, Payout.Funded, Payout.Sent, Payout.Settled, Payout.Returned)
    tables = """
        create table {table} (
            payout_id text primary key, merchant_id text not null, status text not null,
            amount_minor bigint not null, currency text not null, exponent int not null,
            destination text not null, reason text not null, bank_reference text not null,
            created_at timestamptz not null, created_position bigint not null,
            position bigint not null
        ) with (fillfactor = 80);
        create index on {table} (merchant_id, created_position desc);
        create index on {table} (created_position desc);
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert the payouts of a page, then change those that its other events are of."""
        rows: list[dict[str, Any]] = []
        changes: dict[str, dict[str, Any]] = {}
        for recorded in events:
            event: Any = recorded.event
            payout_id = ids.encode("pay", recorded.stream_id)
            if isinstance(event, Payout.Requested):
                rows.append(_row(payout_id, recorded, event))
            else:
                change = changes.setdefault(payout_id, {"payout_id": payout_id})
                change |= {"position": recorded.position, **_change(event)}
        cursor.execute(
            f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s) "
            "on conflict do nothing",
            (recordset(rows),),
        )
        cursor.execute(
            f"update {table} t set status = coalesce(c.status, t.status), "
            "reason = coalesce(c.reason, t.reason), "
            "bank_reference = coalesce(c.bank_reference, t.bank_reference), "
            "position = c.position "
            f"from jsonb_populate_recordset(null::{table}, %s) c where c.payout_id = t.payout_id",
            (recordset(changes.values()),),
        )

    def newest(
        self,
        *,
        merchant_id: str | None = None,
        status: str | None = None,
        currency: str | None = None,
        before: int | None = None,
        limit: int,
    ) -> list[PayoutRow]:
        """Payouts requested before a position, newest first.

        Args:
            merchant_id: of this merchant only; None for all.
            status: with this status only.
            currency: in this currency only.
            before: requested before this position.
            limit: the maximum number of rows.
        """
        conditions = {
            "merchant_id = %s": merchant_id,
            "status = %s": status,
            "currency = %s": currency,
            "created_position < %s": before,
        }
        return self._newest(PayoutRow, _COLUMNS, conditions, limit)


def _row(payout_id: str, recorded: Recorded, event: Any) -> dict[str, Any]:
    return {
        "payout_id": payout_id,
        "merchant_id": event.merchant_id,
        "status": PayoutStatus.REQUESTED.value,
        "amount_minor": event.amount_minor,
        "currency": event.currency,
        "exponent": event.exponent,
        "destination": event.destination,
        "reason": "",
        "bank_reference": "",
        "created_at": times.to_text(event.timestamp),
        "created_position": recorded.position,
        "position": recorded.position,
    }


def _change(event: Any) -> dict[str, Any]:
    """What an event changes in the payout's row."""
    match event:
        case Payout.Sent():
            return {"status": PayoutStatus.SENT.value, "bank_reference": event.bank_reference}
        case Payout.Settled():
            return {"status": PayoutStatus.SETTLED.value}
        case Payout.Returned():
            return {"status": PayoutStatus.RETURNED.value, "reason": event.reason}
        case _:
            return {}
