"""The store of exchange rates in `ledger.fx_rates`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from itertools import groupby
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from application.ports.rates import DailyRates

DAYS_MAX: Final = 120
"""Older days are deleted."""
ROWS_MAX: Final = 20_000
"""Read at most: three sources of 50 currencies for each of the days."""

_SAVE: Final = """
insert into ledger.fx_rates (source, as_of, currency, per_euro)
select n.source, n.as_of, n.currency, n.per_euro
  from unnest(%s::text[], %s::date[], %s::text[], %s::text[])
       as n (source, as_of, currency, per_euro)
on conflict (as_of, source, currency) do update set per_euro = excluded.per_euro
"""
_FORGET: Final = """
delete from ledger.fx_rates
 where as_of <= (select as_of from (select distinct as_of from ledger.fx_rates) d
                  order by as_of desc offset %s limit 1)
"""
_LOAD: Final = """
select as_of, source, currency, per_euro from ledger.fx_rates
 order by as_of desc, source, currency limit %s
"""


class PostgresRates:
    """`application.ports.rates.RateStore` in PostgreSQL."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection[TupleRow]]]) -> None:
        """Keep rates in a database.

        Args:
            connect: lends a connection: of the projector to save, of anybody to load.
        """
        self._connect = connect

    def save(self, days: Sequence[DailyRates]) -> datetime:
        """See the port."""
        rows = [
            (day.source, day.as_of, currency, rate)
            for day in days
            for currency, rate in day.per_euro.items()
        ]
        with self._connect() as connection, connection.transaction():
            if rows:
                connection.execute(_SAVE, [list(column) for column in zip(*rows, strict=True)])
                connection.execute(_FORGET, (DAYS_MAX,))
            (now,) = connection.execute("select ledger.now()").fetchone() or (None,)
        assert isinstance(now, datetime)  # noqa: S101 - a select without a table has one row
        return now

    def load(self) -> Sequence[DailyRates]:
        """See the port."""
        with self._connect() as connection:
            rows = connection.execute(_LOAD, (ROWS_MAX,)).fetchall()

        def day_of(row: TupleRow) -> tuple[date, str]:
            return row[0], row[1]

        return [
            DailyRates(
                source=source,
                as_of=as_of,
                per_euro={currency: per_euro for _, _, currency, per_euro in of_day},
            )
            for (as_of, source), of_day in groupby(rows, day_of)
        ]
