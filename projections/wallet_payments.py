"""The read model of wallet payments: the payments of each wallet, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from application.event_log import Recorded
from domain import ids, times
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from projections._read_model import ReadModel, recordset

_COLUMNS = (
    "session_id, wallet_id, merchant_id, merchant_name, amount_minor, currency, "
    "payer_amount_minor, payer_currency, paid_at, position"
)


@dataclass(frozen=True, slots=True)
class WalletPaymentRow:
    """One payment of a wallet."""

    session_id: str
    wallet_id: str
    merchant_id: str
    merchant_name: str
    amount_minor: int
    currency: str
    payer_amount_minor: int
    payer_currency: str
    paid_at: datetime
    position: int

    @property
    def amount(self) -> Money:
        """What the merchant was paid."""
        return Money(self.amount_minor, self.currency)

    @property
    def payer_amount(self) -> Money:
        """Everything that the payer paid, in the wallet's currency."""
        return Money(self.payer_amount_minor, self.payer_currency)


class WalletPayments(ReadModel):
    """All payments, by wallet. Eventually consistent."""

    name = "wallet_payments"
    version = 2
    key = ("session_id",)
    follows = (PaymentSession.Paid,)
    tables = """
        create table {table} (
            session_id text primary key, wallet_id text not null,
            merchant_id text not null, merchant_name text not null,
            amount_minor bigint not null, currency text not null,
            payer_amount_minor bigint not null, payer_currency text not null,
            paid_at timestamptz not null, position bigint not null
        );
        create index on {table} (wallet_id, position desc);
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert the payments from wallets; a payment is inserted once."""
        made = (_row(recorded, recorded.event) for recorded in events)
        rows = [row for row in made if row["wallet_id"] is not None]
        cursor.execute(
            f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s) "
            "on conflict do nothing",
            (recordset(rows),),
        )

    def of_wallet(
        self, wallet_id: str, *, before: int | None = None, limit: int
    ) -> list[WalletPaymentRow]:
        """A wallet's payments before a position, newest first, at most `limit`."""
        query = f"""
            select {_COLUMNS} from read_models.{self.name}
             where wallet_id = %s and (%s::bigint is null or position < %s)
             order by position desc limit %s
        """
        with self._connect() as connection:
            cursor = connection.cursor(row_factory=class_row(WalletPaymentRow))
            parameters = (wallet_id, before, before, limit)
            return cursor.execute(query, parameters).fetchall()


def _row(recorded: Recorded, event: Any) -> dict[str, Any]:
    return {
        "session_id": ids.encode("ps", recorded.stream_id),
        "wallet_id": event.wallet_id,
        "merchant_id": event.merchant_id,
        "merchant_name": event.merchant_name,
        "amount_minor": event.amount_minor,
        "currency": event.currency,
        "payer_amount_minor": event.payer_amount_minor,
        "payer_currency": event.payer_currency,
        "paid_at": times.to_text(event.timestamp),
        "position": recorded.position,
    }
