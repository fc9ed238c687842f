"""A store of exchange rates in memory, and a provider that answers as the test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from application.ports.rates import DailyRates, RatesNotFetched


class MemoryRates:
    """An `application.ports.rates.RateStore` for tests."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._days: dict[tuple[date, str], DailyRates] = {}

    def save(self, days: Sequence[DailyRates]) -> datetime:
        """See `RateStore`."""
        for day in days:
            key = (day.as_of, day.source)
            known = self._days[key].per_euro if key in self._days else {}
            per_euro = {**known, **day.per_euro}
            self._days[key] = DailyRates(
                source=day.source, as_of=day.as_of, per_euro=dict(sorted(per_euro.items()))
            )
        return self._now()

    def load(self) -> Sequence[DailyRates]:
        """See `RateStore`."""
        by_source = sorted(self._days.values(), key=lambda day: day.source)
        return sorted(by_source, key=lambda day: day.as_of, reverse=True)


class ScriptedProvider:
    """An `application.ports.rates.RateProvider` that counts its calls."""

    def __init__(self) -> None:
        self.answer: Sequence[DailyRates] | RatesNotFetched = ()
        self.calls = 0

    def fetch(self) -> Sequence[DailyRates]:
        """See `RateProvider`."""
        self.calls += 1
        if isinstance(self.answer, RatesNotFetched):
            raise self.answer
        return self.answer
