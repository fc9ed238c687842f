"""Exchange rates, as the ledger knows them without asking anybody."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple, Protocol


class Rate(NamedTuple):
    """A reference rate between two currencies."""

    text: str
    """Units of the payee's currency per unit of the payer's, a decimal."""
    source: str
    as_of: date


class Rates(Protocol):
    """Looks rates up in memory; a process refreshes them. Thread-safe."""

    def between(self, payer_currency: str, payee_currency: str, today: date) -> Rate | None:
        """The latest rate up to a day; None if there is none, or none young enough."""
        ...
