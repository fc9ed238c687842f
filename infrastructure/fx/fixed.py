"""Fixed rates, for tests and examples."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from application.ports.rates import DailyRates, Rate
from infrastructure.fx.rate_table import RateTable


class FixedRates:
    """`application.ports.rates.Rates` of one day, whatever the day is."""

    def __init__(self, per_euro: Mapping[str, str], *, as_of: date, source: str = "fixed") -> None:
        self._as_of = as_of
        self._table = RateTable([DailyRates(source=source, as_of=as_of, per_euro=per_euro)])

    def between(self, payer_currency: str, payee_currency: str, today: date) -> Rate | None:  # noqa: ARG002
        """See the port."""
        return self._table.between(payer_currency, payee_currency, self._as_of)
