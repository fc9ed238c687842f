"""Refusals of scanned codes."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class InvalidQr(LedgerError):
    """The text is not a valid payment code, or not one of this ledger."""

    # Facts: `reason`; of what the codecs refuse also `offset`, in characters from 0.

    code = "invalid-qr"
    kind = ErrorKind.UNPROCESSABLE
    title = "Not a valid payment code"
    sentence = "The text is not a valid payment code: {reason}."
