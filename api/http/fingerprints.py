"""Fingerprints of requests: the same idempotency key must come with the same request.

A fingerprint covers method, path and body. Fields with their default value are left out, nested
ones too: it makes no difference whether a caller sends a default, and adding an optional field does
not change the fingerprint of earlier requests.

Receipts are kept forever. Those of the first releases have fingerprints over all fields of that
time, including defaults; these are accepted as well.
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
"""The fields of the bodies of the first releases, in their order. Never add to this: a newer body
has no receipt of that kind."""

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def of_request(method: str, path: str, body: Any) -> bytes:
    """The SHA-256 of a request, as stored in receipts."""
    return _hash(method, path, _encode(_without_defaults(body)))


def of_first_releases(method: str, path: str, body: Any) -> list[bytes]:
    """The fingerprint of the first releases; empty if they did not know this request."""
    first = _of_first_fields(body)
    return [] if first is None else [_hash(method, path, msgspec.json.encode(first))]


def _hash(method: str, path: str, body: bytes) -> bytes:
    return hashlib.sha256(f"{method}\n{path}\n".encode() + body).digest()


def _without_defaults(value: Any) -> Any:
    """The value, with structs as mappings of the fields that differ from their default."""
    if not isinstance(value, msgspec.Struct):
        return value
    return {
        name: _without_defaults(inner)
        for name, default in _fields(type(value))
        if (inner := getattr(value, name)) != default
    }


def _of_first_fields(value: Any) -> Any:
    """The value with all fields of the first releases, in their order; maps sorted by key.

    None if another field is set; a field whose own value is None stays None.
    """
    if isinstance(value, dict):
        return dict(sorted(value.items()))
    if not isinstance(value, msgspec.Struct):
        return value
    first_fields = FIRST_FIELDS.get(type(value).__name__)
    if first_fields is None:
        return None
    members: dict[str, Any] = {}
    for name, default in _fields(type(value)):
        inner = getattr(value, name)
        if name in first_fields:
            members[name] = _of_first_fields(inner)
            if members[name] is None and inner is not None:
                return None
        elif inner != default:
            return None
    return {name: members[name] for name in first_fields}


@lru_cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """Name and default of each field; `NODEFAULT`, which equals no value, if there is none."""
    return tuple(
        (field.name, field.default if factory is msgspec.NODEFAULT else factory())
        for field in msgspec.structs.fields(kind)
        for factory in (field.default_factory,)
    )
