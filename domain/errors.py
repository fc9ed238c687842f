"""The root of every refusal, and the kinds of refusal.

Refusals live beside their context: `domain/<context>/errors.py`, `application/errors.py` and
`api/http/errors.py`. Each one states a `code`, a `kind`, a `title` and a `sentence`; the kind says
how callers and the ledger treat it, and `api/http/errors.py` maps it to an HTTP status. The facts
that fill the sentence are primitives and become members of the problem document, so a refusal can
be stored with the receipt of its command and replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar

Fact = str | int | bool | None | list[dict[str, str]]


class ErrorKind(StrEnum):
    """What a refusal means for the caller."""

    INVALID = "invalid"
    """The request is malformed, or a value in it is out of range."""
    UNAUTHENTICATED = "unauthenticated"
    """No valid API key."""
    FORBIDDEN = "forbidden"
    """The API key is valid but does not allow this."""
    NOT_FOUND = "not-found"
    """It does not exist, or belongs to another tenant."""
    CONFLICT = "conflict"
    """The current state does not allow it."""
    BUSY = "busy"
    """Another wallet or request is working on it; retry later."""
    EXPIRED = "expired"
    """The deadline has passed."""
    INSUFFICIENT_FUNDS = "insufficient-funds"
    """The wallet cannot cover the amount, or the processor said no."""
    UNPROCESSABLE = "unprocessable"
    """Well-formed, but refused by a rule; another attempt needs a new idempotency key."""
    KEY_REUSED = "key-reused"
    """The idempotency key belongs to another request."""
    RATE_LIMITED = "rate-limited"
    """Too many requests; retry later."""
    TIMEOUT = "timeout"
    """The request took too long to arrive; retry."""
    UNAVAILABLE = "unavailable"
    """The ledger, or something it needs, is unavailable; retry later."""
    INTERNAL = "internal"
    """A bug on our side."""

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self in _TRANSIENT

    @property
    def kept(self) -> bool:
        """Whether the refusal is final: recorded under its idempotency key and replayed."""
        return self in _KEPT


_TRANSIENT = frozenset(
    {ErrorKind.BUSY, ErrorKind.RATE_LIMITED, ErrorKind.TIMEOUT, ErrorKind.UNAVAILABLE}
)
_KEPT = frozenset({ErrorKind.EXPIRED, ErrorKind.INSUFFICIENT_FUNDS, ErrorKind.UNPROCESSABLE})


class LedgerError(Exception):
    """The base of every refusal."""

    code: ClassVar[str]
    """Stable and unique; part of the API contract and of stored receipts."""
    kind: ClassVar[ErrorKind]
    title: ClassVar[str]
    sentence: ClassVar[str]
    """The detail, as a format string over the facts."""

    by_code: ClassVar[dict[str, type[LedgerError]]] = {}
    """Every class that has been imported; `application/errors.py` imports all that are stored."""

    def __init__(self, **facts: Fact) -> None:
        self.facts = facts
        self.replayed = False
        """Whether this is the stored outcome of an earlier request with the same key."""
        super().__init__(self.sentence.format(**facts))

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" in cls.__dict__:
            if cls.code in LedgerError.by_code:
                msg = f"two errors share the code {cls.code}"
                raise TypeError(msg)
            LedgerError.by_code[cls.code] = cls

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind.transient

    @property
    def kept(self) -> bool:
        """Whether the refusal is final: recorded under its idempotency key and replayed."""
        return self.kind.kept

    @property
    def detail(self) -> str:
        """The sentence with its facts."""
        return str(self)


class OnlyInTestLedger(LedgerError):
    """It plays with time or money, so it exists in test ledgers only."""

    code = "test-only"
    kind = ErrorKind.FORBIDDEN
    title = "Only in a test ledger"
    sentence = "{feature} exists in test ledgers only."


class InvalidRequest(LedgerError):
    """A value is missing, unknown, of the wrong type or out of range; names each one."""

    code = "invalid-request"
    kind = ErrorKind.INVALID
    title = "Request is not valid"
    sentence = "{reason}"

    @classmethod
    def of(cls, name: str, reason: str) -> InvalidRequest:
        """Refuse one value, by its name in the request."""
        return cls(reason=f"{name}: {reason}", invalid_params=[{"name": name, "reason": reason}])

    @property
    def reason(self) -> str:
        """Why the first value is refused, without its name."""
        params: Any = self.facts["invalid_params"]
        return str(params[0]["reason"])

    @classmethod
    def of_all(cls, params: Sequence[dict[str, str]], *, more: bool = False) -> InvalidRequest:
        """Refuse several values at once: each with its `name` and its `reason`.

        Args:
            params: at least one.
            more: whether there are others that are not named.
        """
        named = [f"{param['name']}: {param['reason']}" for param in params]
        reason = "; ".join([*named, *(["there are more mistakes"] if more else [])])
        return cls(reason=reason, invalid_params=list(params))
