"""What makes two requests under one idempotency key the same: method, address and body.

A field that has its default value is left out of what is hashed, nested ones too: whether a caller
spells a default out makes no difference, and a new optional field does not turn the retry of an
older request into another one.

Receipts are for ever. Those of the first releases hash every field that a body had then, defaults
too, so that spelling is accepted as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

FIRST_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "CreateSessionBody": (
        "order_id", "amount", "description", "expires_in_seconds", "return_url", "metadata",
        "checkout_may_cancel",
    ),
    "MoneyBody": ("minor", "currency"),
    "OpenWalletBody": ("currency",),
    "PayBody": ("claim_id", "wallet_id", "amount"),
    "ScanBody": ("payload", "wallet_id"),
    "TopUpBody": ("amount", "reference"),
}  # fmt: skip
"""The fields of each body of the first releases, in their order. Nothing is ever added: a body that
is not here has no receipt of that spelling."""


def of_request(method: str, path: str, body: Any) -> bytes:
    """SHA-256 of a request, as receipts hold it."""
    return _hash(method, path, msgspec.json.encode(_without_defaults(body), order="deterministic"))


def of_first_releases(method: str, path: str, body: Any) -> list[bytes]:
    """The same as the first releases stored it; none if they could not have taken the request."""
    first = _first_spelling(body)
    return [] if first is None else [_hash(method, path, msgspec.json.encode(first))]


def _hash(method: str, path: str, body: bytes) -> bytes:
    return hashlib.sha256(f"{method}\n{path}\n".encode() + body).digest()


def _without_defaults(value: Any) -> Any:
    """The value with structs as mappings of what differs from its default."""
    if not isinstance(value, msgspec.Struct):
        return value
    return {
        name: _without_defaults(inner)
        for name, default in _fields(type(value))
        if (inner := getattr(value, name)) != default
    }


def _first_spelling(value: Any) -> Any:
    """The value with every field the first releases knew, in their order; members of maps sorted.

    None if it says anything they did not know; a field that is itself None stays as it is.
    """
    if isinstance(value, dict):
        return dict(sorted(value.items()))
    if not isinstance(value, msgspec.Struct):
        return value
    known = FIRST_FIELDS.get(type(value).__name__)
    if known is None:
        return None
    spelled: dict[str, Any] = {}
    for name, default in _fields(type(value)):
        inner = getattr(value, name)
        if name in known:
            spelled[name] = _first_spelling(inner)
            if spelled[name] is None and inner is not None:
                return None
        elif inner != default:
            return None
    return {name: spelled[name] for name in known}


@lru_cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """Name and default of each field; `NODEFAULT`, which no value equals, where there is none."""
    return tuple(
        (field.name, field.default if made is msgspec.NODEFAULT else made())
        for field in msgspec.structs.fields(kind)
        for made in (field.default_factory,)
    )
