"""Refusals about the origin and the keys of the log."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class LogNotOpened(LedgerError):
    """The log has no origin yet, so nothing can be sealed."""

    code = "log-not-opened"
    kind = ErrorKind.CONFLICT
    title = "Log has no origin"
    sentence = "The log has no origin yet: set QRLEDGER_LOG_ORIGIN and run `qrledger migrate`."


class LogKeyRefused(LedgerError):
    """The log cannot add or retire this sealing key."""

    code = "log-key-refused"
    kind = ErrorKind.CONFLICT
    title = "Sealing key cannot be changed"
    sentence = "The sealing key {key_id} cannot be changed: {reason}."
