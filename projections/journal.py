"""The journal: every posting, with the balance of its account after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from application.event_log import Recorded
from domain.accounting import chart
from domain.money.money import Amount
from projections._postings import FOLLOWED, check_balance, lines
from projections._read_model import ReadModel, recordset

_COLUMNS = (
    "position, no, recorded_at, type, stream_id, account, side, minor, currency, exponent, "
    "balance_minor, event_id"
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
    stream_id: UUID
    """The stream of the event."""
    account: str
    side: Literal["debit", "credit"]
    minor: int
    currency: str
    exponent: int
    balance_minor: int
    """Of the account in this currency after the posting, on the account's normal side."""
    event_id: UUID

    @property
    def amount(self) -> Amount:
        """The amount of the posting."""
        return Amount(self.minor, self.currency, self.exponent)

    @property
    def balance(self) -> Amount:
        """The balance after the posting."""
        return Amount(self.balance_minor, self.currency, self.exponent)

    @property
    def change_minor(self) -> int:
        """What the posting adds to the balance, on the account's normal side."""
        kind, _ = chart.parse(self.account)
        return self.minor if self.side == kind.kind.normal_side else -self.minor


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """The postings of one event, or those of them that were asked for."""

    position: int
    rows: Sequence[JournalRow]
    """At least one, in order."""


class Journal(ReadModel):
    """Every posting. Halts at an entry that is unbalanced, or that overdraws an account."""

    name = "journal"
    version = 1
    key = ("position", "no")
    follows = FOLLOWED
    tables = """
        create table {table} (
            position bigint not null, no int not null, recorded_at timestamptz not null,
            type text not null, stream_id uuid not null, account text not null,
            side text not null, minor bigint not null, currency text not null,
            exponent int not null, balance_minor bigint not null, event_id uuid not null,
            primary key (position, no)
        );
        create index on {table} (account, currency, position, no);
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
                    "stream_id": str(recorded.stream_id),
                    "account": posting.account,
                    "side": posting.side.value,
                    "minor": posting.minor,
                    "currency": posting.currency,
                    "exponent": posting.exponent,
                    "balance_minor": balance_minor,
                    "event_id": str(recorded.event_id),
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
        only: Sequence[str] | None = None,
        after: int = 0,
        before: int,
        limit: int,
    ) -> list[JournalEntry]:
        """Entries in the order of the log.

        `offset 0` is an optimization fence: entries are read by position, whatever the filter.

        Args:
            accounts: entries with a posting to one of these accounts; None for all.
            only: of each entry the postings to these accounts; None for all.
            after: of events after this position.
            before: of events before this position.
            limit: the maximum number of entries.
        """
        positions = f"""
            select distinct position from read_models.{self.name}
             where position > %(after)s and position < %(before)s
             order by position limit %(limit)s
        """
        if accounts is not None:
            positions = f"""
                select distinct found.position from currencies c cross join lateral (
                    select distinct position from read_models.{self.name} j
                     where j.account = c.account and j.currency = c.currency
                       and j.position > %(after)s and j.position < %(before)s
                     order by j.position limit %(limit)s) found
                 order by found.position limit %(limit)s
            """
        query = f"""
            with recursive {_CURRENCIES.format(self.name)}, found as materialized ({positions})
            select {_columns("j")} from found cross join lateral (
                select * from read_models.{self.name} j
                 where j.position = found.position offset 0) j
             where %(only)s::text[] is null or j.account = any(%(only)s)
             order by j.position, j.no
        """
        values = {
            "accounts": list(accounts or ()),
            "only": list(only) if only is not None else None,
            "after": after,
            "before": before,
            "limit": limit,
        }
        return _entries(self._rows(query, values))

    def history(
        self, account: str, currency: str, *, before: int, limit: int
    ) -> list[JournalEntry]:
        """What made the balance of an account before a position, newest first.

        Args:
            account: the account; the entries have its postings in the currency only.
            currency: the currency.
            before: of events before this position.
            limit: the maximum number of entries.
        """
        query = f"""
            with found as materialized (
                select distinct position from read_models.{self.name}
                 where account = %(account)s and currency = %(currency)s
                   and position < %(before)s
                 order by position desc limit %(limit)s)
            select {_columns("j")} from found join read_models.{self.name} j
                on j.account = %(account)s and j.currency = %(currency)s
               and j.position = found.position
             order by j.position desc, j.no
        """
        values = {"account": account, "currency": currency, "before": before, "limit": limit}
        return _entries(self._rows(query, values))

    def lines(
        self,
        account: str,
        currency: str,
        *,
        after: tuple[int, int] = (0, 0),
        before: int,
        limit: int,
    ) -> list[JournalRow]:
        """The postings of one account in one currency, oldest first.

        Args:
            account: the account.
            currency: the currency.
            after: position and number of the last posting that the caller has.
            before: of events before this position.
            limit: the maximum number of rows.
        """
        query = f"""
            select {_columns("j")} from read_models.{self.name} j
             where j.account = %(account)s and j.currency = %(currency)s
               and (j.position, j.no) > (%(position)s, %(no)s) and j.position < %(before)s
             order by j.position, j.no limit %(limit)s
        """
        values = {
            "account": account,
            "currency": currency,
            "position": after[0],
            "no": after[1],
            "before": before,
            "limit": limit,
        }
        return self._rows(query, values)

    def balance(self, account: str, currency: str, *, before: int) -> Amount | None:
        """The balance of an account after all events before a position; None without a posting."""
        query = f"""
            select balance_minor, currency, exponent from read_models.{self.name}
             where account = %s and currency = %s and position < %s
             order by position desc, no desc limit 1
        """
        with self._connect() as connection:
            row = connection.execute(query, (account, currency, before)).fetchone()
        return Amount(*row) if row else None

    def balances(self, account: str, *, before: int) -> list[Amount]:
        """The balance of an account after all events before a position, in each of its currencies.

        A currency without a posting before the position is left out.
        """
        query = f"""
            with recursive {_CURRENCIES.format(self.name)}
            select last.balance_minor, c.currency, last.exponent
              from currencies c cross join lateral (
                select balance_minor, exponent from read_models.{self.name} j
                 where j.account = c.account and j.currency = c.currency
                   and j.position < %(before)s
                 order by j.position desc, j.no desc limit 1) last
             order by c.currency
        """
        with self._connect() as connection:
            found = connection.execute(query, {"accounts": [account], "before": before}).fetchall()
        return [Amount(*row) for row in found]

    def _rows(self, query: str, values: dict[str, Any]) -> list[JournalRow]:
        with self._connect() as connection:
            cursor = connection.cursor(row_factory=class_row(JournalRow))
            return cursor.execute(query, values).fetchall()


_CURRENCIES: Final = """
    steps (account, currency) as (
        select a.account,
               (select min(j.currency) from read_models.{0} j where j.account = a.account)
          from unnest(%(accounts)s::text[]) as a (account)
        union all
        select s.account,
               (select min(j.currency) from read_models.{0} j
                 where j.account = s.account and j.currency > s.currency)
          from steps s where s.currency is not null),
    currencies as (select account, currency from steps where currency is not null)
"""
"""The currencies of some accounts: one step in the index for each, however many postings."""


def _columns(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in _COLUMNS.split(", "))


def _entries(rows: Sequence[JournalRow]) -> list[JournalEntry]:
    groups = groupby(rows, key=lambda row: row.position)
    return [JournalEntry(position, tuple(group)) for position, group in groups]
