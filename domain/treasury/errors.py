"""Refusals of the treasury."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class TreasuryInsufficient(LedgerError):
    """The bank does not hold as much client money in this currency."""

    code = "treasury-insufficient"
    kind = ErrorKind.UNPROCESSABLE
    title = "Not enough money at the bank"
    sentence = (
        "The bank holds {funds_minor} {currency} in minor units that can be moved, "
        "not {asked_minor}."
    )
