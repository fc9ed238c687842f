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


class InvalidSignature(LedgerError):
    """A static code is not signed, or not by this ledger, or was changed after it was signed."""

    # Facts: `reason`; and `offset`, in characters from 0, where the signature is or should be.

    code = "invalid-signature"
    kind = ErrorKind.UNPROCESSABLE
    title = "The code's signature is not valid"
    sentence = "The code cannot be trusted: {reason}."
