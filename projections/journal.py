"""The journal: every posting, with the balance of its account after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from application.event_log import Recorded
from projections._postings import FOLLOWED, check_balance, lines
from projections._read_model import ReadModel, recordset

_COLUMNS = (
    "position, no, recorded_at, type, subject_id, account, side, minor, currency, exponent, "
    "balance_minor"
)


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One posting."""

    position: int
    no: int
    """Its place in the entry of its event, from 1."""
    recorded_at: datetime
    type: str
    """The topic of the event."""
    subject_id: str
    """The stream of the event, a UUID."""
    account: str
    side: str
    minor: int
    currency: str
    exponent: int
    balance_minor: int
    """Of the account in this currency after the posting, on the account's normal side."""


class Journal(ReadModel):
    """Every posting. Halts at an entry that is unbalanced, or that overdraws an account."""

    name = "journal"
    version = 1
    key = ("position", "no")
    follows = FOLLOWED
    tables = """
        create table {table} (
            position bigint not null, no int not null, recorded_at timestamptz not null,
            type text not null, subject_id text not null, account text not null,
            side text not null, minor bigint not null, currency text not null,
            exponent int not null, balance_minor bigint not null,
            primary key (position, no)
        );
        create index on {table} (account, currency, position desc, no desc);
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert the postings, each with the balance that it leads to."""
        page = list(lines(events))
        accounts = {(line.posting.account, line.posting.currency) for line in page}
        balances = cls._balances(accounts, cursor, table)
        rows: list[dict[str, Any]] = []
        for line in page:
            recorded, posting = line.recorded, line.posting
            account = (posting.account, posting.currency)
            balance_minor = balances[account] = balances.get(account, 0) + line.change_minor
            check_balance(line, balance_minor)
            rows.append(
                {
                    "position": recorded.position,
                    "no": line.no,
                    "recorded_at": recorded.recorded_at.isoformat(),
                    "type": recorded.topic,
                    "subject_id": str(recorded.stream_id),
                    "account": posting.account,
                    "side": posting.side.value,
                    "minor": posting.minor,
                    "currency": posting.currency,
                    "exponent": posting.exponent,
                    "balance_minor": balance_minor,
                }
            )
        cursor.execute(
            f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s)",
            (recordset(rows),),
        )

    @staticmethod
    def _balances(
        accounts: set[tuple[str, str]], cursor: Cursor[TupleRow], table: str
    ) -> dict[tuple[str, str], int]:
        """The balances of these accounts before the page."""
        names, currencies = zip(*sorted(accounts), strict=True) if accounts else ((), ())
        query = f"""
            select a.account, a.currency, last.balance_minor
              from unnest(%s::text[], %s::text[]) as a (account, currency)
             cross join lateral (
                select balance_minor from {table} j
                 where j.account = a.account and j.currency = a.currency
                 order by position desc, no desc limit 1) as last
        """
        found = cursor.execute(query, (list(names), list(currencies))).fetchall()
        return {(account, currency): minor for account, currency, minor in found}

    def entries(
        self,
        *,
        accounts: Sequence[str] | None = None,
        after: tuple[int, int] = (0, 0),
        before_position: int,
        limit: int,
    ) -> list[JournalRow]:
        """Postings in the order of the log.

        Args:
            accounts: of these accounts only; None for all.
            after: position and number of the last posting that the caller has.
            before_position: of events before this position only.
            limit: the maximum number of rows.
        """
        query = f"""
            select {_COLUMNS} from read_models.{self.name}
             where (position, no) > (%(position)s, %(no)s) and position < %(before)s
               and (%(accounts)s::text[] is null or account = any(%(accounts)s))
             order by position, no limit %(limit)s
        """
        values = {
            "position": after[0],
            "no": after[1],
            "before": before_position,
            "accounts": list(accounts) if accounts is not None else None,
            "limit": limit,
        }
        with self._connect() as connection:
            cursor = connection.cursor(row_factory=class_row(JournalRow))
            return cursor.execute(query, values).fetchall()

    def balance_minor(self, account: str, currency: str, *, before_position: int) -> int:
        """The balance of an account after all events before a position; 0 without a posting."""
        query = f"""
            select balance_minor from read_models.{self.name}
             where account = %s and currency = %s and position < %s
             order by position desc, no desc limit 1
        """
        with self._connect() as connection:
            row = connection.execute(query, (account, currency, before_position)).fetchone()
        return int(row[0]) if row else 0
