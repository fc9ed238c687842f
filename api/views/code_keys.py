"""How the published key set presents the signing keys: a JWK set (RFC 7517, RFC 8037)."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from application.ports.code_keys import PublicKey


class RevokedView(Struct, frozen=True):
    """The revocation, as OpenID Federation states it for keys of the past."""

    revoked_at: int


class JwkView(Struct, frozen=True, kw_only=True):
    """A public key. Times are seconds since 1970, as in every JOSE document."""

    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    kid: str
    use: Literal["sig"] = "sig"
    alg: Literal["Ed25519"] = "Ed25519"
    x: str
    iat: int
    """When the key was made."""
    retired_at: int | UnsetType = UNSET
    """It signs nothing new since then. It is no `exp`: what it has signed stays valid."""
    revoked: RevokedView | UnsetType = UNSET


class JwkSetView(Struct, frozen=True):
    """The keys whose signatures are valid, and apart from them those that were revoked."""

    keys: list[JwkView]
    revoked_keys: list[JwkView]
    """Not in `keys`, so that a verifier that knows nothing of `revoked` refuses them too."""


def jwk_set_view(keys: Sequence[PublicKey]) -> JwkSetView:
    """The published key set, oldest first."""
    return JwkSetView(
        keys=[_jwk_view(key) for key in keys if key.revoked_at is None],
        revoked_keys=[_jwk_view(key) for key in keys if key.revoked_at is not None],
    )


def _jwk_view(key: PublicKey) -> JwkView:
    return JwkView(
        kid=key.id,
        x=urlsafe_b64encode(key.raw).decode().rstrip("="),
        iat=_seconds(key.created_at),
        retired_at=UNSET if key.retired_at is None else _seconds(key.retired_at),
        revoked=UNSET if key.revoked_at is None else RevokedView(_seconds(key.revoked_at)),
    )


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
