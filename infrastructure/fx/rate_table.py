"""Rates in memory: cross rates through the euro, from the texts that the source published."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from threading import Lock
from time import monotonic
from typing import Final

from application.ports.rates import DailyRates, Rate, RateStore
from domain.errors import LedgerError
from domain.money.fx import cross_rate

BASE: Final = "EUR"
DAYS_MAX: Final = 120
"""Days in the table; older ones are dropped."""
REFRESH_SECONDS: Final = 60.0
"""How often the table is read again, and how long after a failure."""

_log = logging.getLogger(__name__)


class RateTable:
    """`application.ports.rates.Rates` over the days that it was given."""

    def __init__(self, days: Iterable[DailyRates]) -> None:
        self._days = _newest_first(days)

    def between(self, payer_currency: str, payee_currency: str, today: date) -> Rate | None:
        """See the port."""
        for day in self._days:
            if day.as_of <= today:
                payer = _per_euro(day.per_euro, payer_currency)
                payee = _per_euro(day.per_euro, payee_currency)
                if payer is not None and payee is not None:
                    return _rate(day, payer, payee)
        return None


class StoredRates:
    """`Rates` over the shipped days and those of the store, which is read at most once a minute.

    While the store cannot be read, the days that were read before remain.
    """

    def __init__(
        self,
        store: RateStore,
        shipped: Sequence[DailyRates],
        *,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        """Look rates up in memory.

        Args:
            store: where the worker keeps the rates that it has fetched.
            shipped: the days that are part of the program.
            monotonic: seconds of a clock that is never set.
        """
        self._store = store
        self._shipped = shipped
        self._monotonic = monotonic
        self._lock = Lock()
        self._table = RateTable(shipped)
        self._refresh_at = monotonic()

    def between(self, payer_currency: str, payee_currency: str, today: date) -> Rate | None:
        """See the port. Reads the store if a minute has passed."""
        if self._monotonic() >= self._refresh_at and self._lock.acquire(blocking=False):
            try:
                self._refresh_at = self._monotonic() + REFRESH_SECONDS
                self._table = RateTable([*self._store.load(), *self._shipped])
            except LedgerError as error:
                _log.warning("exchange rates were not read: %s", error)
            finally:
                self._lock.release()
        return self._table.between(payer_currency, payee_currency, today)


def _newest_first(days: Iterable[DailyRates]) -> Sequence[DailyRates]:
    """The latest days, newest first; of the same day the one that was given first."""
    by_day: dict[date, DailyRates] = {}
    for day in days:
        by_day.setdefault(day.as_of, day)
    return [by_day[as_of] for as_of in sorted(by_day, reverse=True)[:DAYS_MAX]]


def _rate(day: DailyRates, payer: str, payee: str) -> Rate | None:
    """The cross rate; None if the currencies are too far apart to be written with ten digits."""
    try:
        return Rate(cross_rate(payer, payee), day.source, day.as_of)
    except ValueError:
        return None


def _per_euro(per_euro: Mapping[str, str], currency: str) -> str | None:
    return "1" if currency == BASE else per_euro.get(currency)
