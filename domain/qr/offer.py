"""Signed offers: what a payment session asks for, as a compact JWS (RFC 7515) with Ed25519.

A wallet app reads the offer at the address of a dynamic code and checks it against the ledger's
published keys; it then need not trust the network. `served_at` and `expires_at` are both the
ledger's time, so the time that is left does not depend on the wallet's clock.

    base64url(header) . base64url(payload) . base64url(signature)

The same keys sign static codes. Neither can be taken for the other: what is signed here begins with
`eyJ`, there with `HTTP` or `000201`.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from domain import times
from domain.money.money import Money
from domain.qr.static_code import Sign

MEDIA_TYPE: Final = "application/jose"
ALGORITHM: Final = "Ed25519"
"""RFC 9864; `EdDSA` of RFC 8037 does not state the curve."""
TYPE: Final = "qrledger-offer+jws"
"""States what was signed, so that nothing else passes for an offer (RFC 8725, 3.11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the payer is asked to pay, to whom, and until when."""

    issuer: str
    """The public URL of the ledger."""
    session_id: str
    """`ps_…`"""
    payee_id: str
    """`mer_…`"""
    payee_name: str
    amount: Money
    description: str
    status: str
    """Only a session that is `created` or `scanned` can be paid."""
    expires_at: datetime
    served_at: datetime
    revision: int
    """The session's version; of two offers of a session the one with the higher counts."""


def sign(offer: Offer, key_id: str, key: Sign) -> str:
    """The offer as a compact JWS; the members are always in the same order."""
    header = {"alg": ALGORITHM, "kid": key_id, "typ": TYPE}
    signed = f"{_part(header)}.{_part(_payload(offer))}"
    return f"{signed}.{_base64(key(signed.encode()))}"


def _payload(offer: Offer) -> dict[str, Any]:
    return {
        "iss": offer.issuer,
        "session_id": offer.session_id,
        "payee": {"id": offer.payee_id, "name": offer.payee_name},
        "amount": {
            "minor": offer.amount.minor,
            "currency": offer.amount.currency,
            "exponent": offer.amount.exponent,
        },
        "description": offer.description,
        "status": offer.status,
        "expires_at": times.to_text(offer.expires_at),
        "served_at": times.to_text(offer.served_at),
        "revision": offer.revision,
    }


def _part(members: dict[str, Any]) -> str:
    return _base64(json.dumps(members, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
