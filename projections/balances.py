"""The balance of every account, and the credits by which merchants take money out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from application.event_log import Recorded
from domain.money.money import Amount
from domain.payouts.debits import Credits
from projections._postings import FOLLOWED, Line, check_balance, lines
from projections._read_model import ReadModel, recordset


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """The balance of one account in one currency."""

    account: str
    currency: str
    exponent: int
    balance_minor: int
    """On the account's normal side."""
    earned_minor: int
    """The part of it that only ever grew: payments to a merchant, top-ups at the bank."""

    @property
    def balance(self) -> Amount:
        """The balance as an amount."""
        return Amount(self.balance_minor, self.currency, self.exponent)


class Balances(ReadModel):
    """Every account. Halts at an entry that is unbalanced, or that overdraws an account."""

    name = "balances"
    version = 1
    key = ("account", "currency")
    follows = FOLLOWED
    tables = """
        create table {table} (
            account text not null, currency text not null, exponent int not null,
            balance_minor bigint not null, earned_minor bigint not null,
            primary key (account, currency)
        ) with (fillfactor = 80);
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Add what the postings of a page change, account by account."""
        changes: dict[tuple[str, str], dict[str, Any]] = {}
        page: dict[tuple[str, str], list[Line]] = {}
        for line in lines(events):
            posting = line.posting
            account = (posting.account, posting.currency)
            row = changes.setdefault(
                account,
                {
                    "account": posting.account,
                    "currency": posting.currency,
                    "exponent": posting.exponent,
                    "balance_minor": 0,
                    "earned_minor": 0,
                },
            )
            row["balance_minor"] += line.change_minor
            row["earned_minor"] += line.earned_minor
            page.setdefault(account, []).append(line)
        rows = [changes[account] for account in sorted(changes)]
        found = cursor.execute(
            f"insert into {table} as t select * from jsonb_populate_recordset(null::{table}, %s) "
            "on conflict (account, currency) do update set "
            "exponent = excluded.exponent, "
            "balance_minor = t.balance_minor + excluded.balance_minor, "
            "earned_minor = t.earned_minor + excluded.earned_minor "
            "returning account, currency, balance_minor",
            (recordset(rows),),
        ).fetchall()
        for name, currency, after_minor in found:
            balance_minor = after_minor - changes[name, currency]["balance_minor"]
            for line in page[name, currency]:
                balance_minor += line.change_minor
                check_balance(line, balance_minor)

    def of_accounts(self, accounts: Sequence[str]) -> tuple[list[BalanceRow], int]:
        """The balances of these accounts, by currency, and the position that they stand at.

        Both are read in one statement, so they belong together.
        """
        query = f"""
            select t.position, b.account, b.currency, b.exponent, b.balance_minor, b.earned_minor
              from read_models.tracking t
              left join read_models.{self.name} b on b.account = any(%s)
             where t.name = %s order by b.currency, b.account
        """
        with self._connect() as connection:
            found = connection.execute(query, (list(accounts), self.name)).fetchall()
        balances = [BalanceRow(*row[1:]) for row in found if row[1] is not None]
        return balances, int(found[0][0]) if found else 0

    def credits(self, account: str, currency: str) -> Credits:
        """What an account has earned in a currency, and the position up to which it is counted.

        Both are read in one statement, so they belong together also while the read model is
        rebuilt and replaced.
        """
        query = f"""
            select t.position, coalesce(b.earned_minor, 0)
              from read_models.tracking t
              left join read_models.{self.name} b on b.account = %s and b.currency = %s
             where t.name = %s
        """
        with self._connect() as connection:
            row = connection.execute(query, (account, currency, self.name)).fetchone()
        return Credits(minor=int(row[1]), position=int(row[0])) if row else Credits(0, 0)
