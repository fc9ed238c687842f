"""Refusals of scanned codes."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class InvalidQr(LedgerError):
    """The scanned text is not a payment code of this ledger."""

    code = "invalid-qr"
    kind = ErrorKind.UNPROCESSABLE
    title = "Not a payment code of this ledger"
    sentence = "The scanned text is not a payment code of this ledger: {reason}."
