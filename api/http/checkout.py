"""The session's token of a caller without a key: a checkout screen, or the payer's browser."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from api.http.identity import CallerRole, Identity
from api.http.messages import HttpRequest
from domain import ids

SESSION_TOKEN_CHARS_MAX: Final = 80
_KEYS: Final = ("qrl_", "qrw_")


def checkout_identity(session_id: UUID) -> Identity:
    """Whoever has the session's token."""
    session = ids.encode("ps", session_id)
    return Identity(CallerRole.CHECKOUT, session, session)


def checkout_token(request: HttpRequest) -> str:
    """The session's token that a request presents; empty if it presents a key, or nothing.

    It is sent like a key (`Authorization: Bearer`), or as `token` in the query.
    """
    authorization = request.header(b"authorization")
    if authorization is not None:
        scheme, _, text = authorization.partition(" ")
        own = scheme.lower() == "bearer" and not text.startswith(_KEYS)
        return text[:SESSION_TOKEN_CHARS_MAX] if own else ""
    try:
        tokens = [value for name, value in request.query if name == "token"]
    except ValueError:
        return ""
    return tokens[0][:SESSION_TOKEN_CHARS_MAX] if len(tokens) == 1 else ""
