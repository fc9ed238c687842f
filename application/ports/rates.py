"""Exchange rates: looked up in memory by the API, refreshed by a process.

Rates are decimal texts from beginning to end, as their source writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol


class Rate(NamedTuple):
    """A reference rate between two currencies."""

    text: str
    """Units of the payee's currency per unit of the payer's, a decimal."""
    source: str
    """Who published it, such as `ecb`."""
    as_of: date


class Rates(Protocol):
    """Looks rates up without calling anybody. Thread-safe."""

    def between(self, payer_currency: str, payee_currency: str, today: date) -> Rate | None:
        """The latest rate up to a day, however old; None if there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyRates:
    """The reference rates of one day."""

    source: str
    as_of: date
    per_euro: Mapping[str, str]
    """Units of each currency per euro, as decimal texts; the euro itself is left out."""


class RatesNotFetched(Exception):
    """A provider did not answer, or not with rates; the message says why and holds no secret."""


class RateProvider(Protocol):
    """Publishes reference rates. A call may take seconds."""

    def fetch(self) -> Sequence[DailyRates]:
        """The rates of the latest days; none if the provider is switched off.

        Raises:
            RatesNotFetched: it did not answer, or not with rates.
        """
        ...


class RateStore(Protocol):
    """Keeps the rates of the latest days. Thread-safe."""

    def save(self, days: Sequence[DailyRates]) -> datetime:
        """Store rates, in place of those of the same source, day and currency.

        Returns the ledger's time.
        """
        ...

    def load(self) -> Sequence[DailyRates]:
        """The rates of the latest days, newest first."""
        ...
