"""The published keys, with which anybody checks static codes and offers."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.v1.responses import is_known
from api.views.code_keys import JwkSetView, jwk_set_view

CACHE_SECONDS: Final = 60
"""How long a wallet may go without noticing a new or a revoked key."""
ETAG_CHARS: Final = 32


class CodeKeyRoutes:
    """The operation that publishes the keys."""

    def __init__(self, services: Services) -> None:
        self._keys = services.code_keys

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="getCodeKeys", method="GET", path="/.well-known/qrledger-keys.json",
                shared=True,
                summary="The keys that sign static codes and offers, as a JWK set",
                description=f"It may be kept for {CACHE_SECONDS} seconds.",
                responses={200: JwkSetView, 304: None}, handler=self.key_set,
            ),
        ]  # fmt: skip

    async def key_set(self, call: Call) -> HttpResponse:
        """The key set, or 304 if the caller has this one."""
        body = msgspec.json.encode(jwk_set_view(self._keys.public_keys()))
        etag = f'"{sha256(body).hexdigest()[:ETAG_CHARS]}"'
        headers = {
            "ETag": etag,
            "Cache-Control": f"public, max-age={CACHE_SECONDS}",
        }
        known = is_known(call, etag)
        return HttpResponse(
            b"" if known else body,
            status_code=304 if known else 200,
            headers=headers,
        )
