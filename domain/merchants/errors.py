"""Refusals of merchants and API keys."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class KeyLimit(LedgerError):
    """The holder has two active API keys, which is the limit."""

    code = "key-limit"
    kind = ErrorKind.CONFLICT
    title = "Too many active API keys"
    sentence = "{holder_id} already has {keys_max} active {role} keys; revoke one first."
