"""Refusals of suspense entries and settlements."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class SuspenseClosed(LedgerError):
    """The money has been accepted for its session, so it is not returned."""

    code = "suspense-closed"
    kind = ErrorKind.CONFLICT
    title = "Suspense entry is closed"
    sentence = "The suspense entry {suspense_id} is {suspense_status}."


class SuspenseNotDue(LedgerError):
    """The merchant may still accept the money, by the ledger's time."""

    code = "suspense-not-due"
    kind = ErrorKind.UNAVAILABLE
    title = "Suspense entry is not due yet"
    sentence = "The money of the suspense entry {suspense_id} may be accepted until {accept_until}."


class SettlementMismatch(LedgerError):
    """The settlement was recorded before, with other figures."""

    code = "settlement-mismatch"
    kind = ErrorKind.CONFLICT
    title = "Settlement was recorded with other figures"
    sentence = "The settlement {reference} of {processor} was recorded with other figures."
