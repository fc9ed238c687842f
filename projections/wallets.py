"""The read model of wallets: which wallets an app has opened. Their balances are in the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from application.event_log import Recorded
from domain.wallets.wallet import Wallet
from projections._read_model import ReadModel, recordset


@dataclass(frozen=True, slots=True)
class WalletRow:
    """One wallet."""

    wallet_id: UUID
    created_position: int
    """Of `wallet.opened`; the order of the list."""


class Wallets(ReadModel):
    """All wallets, by the app that opened them. Eventually consistent."""

    name = "wallets"
    version = 1
    key = ("wallet_id",)
    follows = (Wallet.Opened,)
    tables = """
        create table {table} (
            wallet_id uuid primary key, wallet_app_id text not null, currency text not null,
            created_position bigint not null
        );
        create index on {table} (wallet_app_id, created_position desc);
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert the wallets of a page; a wallet is inserted once."""
        rows = [_row(recorded, recorded.event) for recorded in events]
        cursor.execute(
            f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s) "
            "on conflict do nothing",
            (recordset(rows),),
        )

    def of_app(
        self,
        wallet_app_id: str,
        *,
        currency: str | None = None,
        before: int | None = None,
        limit: int,
    ) -> list[WalletRow]:
        """An app's wallets, newest first.

        Args:
            wallet_app_id: the app; the only one whose wallets are returned.
            currency: wallets in this currency only.
            before: wallets opened at a lower position only.
            limit: the maximum number of rows.
        """
        conditions = {
            "wallet_app_id = %s": wallet_app_id,
            "currency = %s": currency,
            "created_position < %s": before,
        }
        return self._newest(WalletRow, "wallet_id, created_position", conditions, limit)


def _row(recorded: Recorded, event: Any) -> dict[str, Any]:
    return {
        "wallet_id": str(recorded.stream_id),
        "wallet_app_id": event.wallet_app_id,
        "currency": event.currency,
        "created_position": recorded.position,
    }
