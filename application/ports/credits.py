"""What accounts have earned, as far as it has been counted."""

from __future__ import annotations

from typing import Protocol

from domain.payouts.debits import Credits


class AccountCredits(Protocol):
    """Counts the credits of accounts that only ever grow. Thread-safe."""

    def credits(self, account: str, currency: str) -> Credits:
        """What an account has earned in a currency, and the position up to which it is counted."""
        ...
