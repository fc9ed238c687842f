"""Refusals of suspense entries and settlements."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError, OnlyInTestLedger


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


class AmountNotSupported(LedgerError):
    """The processor cannot express the amount, so the payer has to pay in another way."""

    code = "amount-unsupported"
    kind = ErrorKind.UNPROCESSABLE
    title = "Processor cannot express the amount"
    sentence = "The processor {processor} cannot express {amount_minor} {currency} in minor units."


class ProcessorUnavailable(LedgerError):
    """The processor does not answer at present, or is not configured in this installation."""

    code = "processor-unavailable"
    kind = ErrorKind.UNAVAILABLE
    title = "Processor is unavailable"
    sentence = "The processor {processor} is not available; try again later, or another way."


class SandboxInLiveLedger(OnlyInTestLedger):
    """The sandbox processor moves no money, so it exists in test ledgers only."""

    sentence = "The processor {processor} exists in test ledgers only."
