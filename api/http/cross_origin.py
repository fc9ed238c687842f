"""Cross-origin resource sharing (WHATWG Fetch, 3.2), for the origins that a setting names.

Pages of these origins may use what a page may use: operations that take page tokens or a session's
token, and the public part of sessions. API keys do not belong into browsers: a response to a
request with one says nothing of origins, so the page cannot read it. Cookies are never sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from api.http.messages import HttpRequest, HttpResponse
from api.http.operation import Call, Operation

MAX_AGE_SECONDS: Final = 7200
"""How long a browser remembers what it may send: the most that Chromium accepts."""
REQUEST_HEADERS: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Qrledger-Version, "
    "Traceparent, X-Request-Id"
)
RESPONSE_HEADERS: Final = (
    "ETag, Idempotent-Replayed, Ledger-Position, Location, Qrledger-Version, RateLimit, "
    "RateLimit-Policy, Request-Id, Retry-After"
)
_KEY: Final = "qrl_"


class CrossOrigin:
    """What pages of other origins may read."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)

    @property
    def enabled(self) -> bool:
        """Whether there is any such origin."""
        return bool(self._origins)

    def share(self, request: HttpRequest, response: HttpResponse) -> None:
        """Let a page of an allowed origin read a response, unless the request had an API key."""
        headers = dict(response.headers)
        headers["Vary"] = f"{headers['Vary']}, Origin" if "Vary" in headers else "Origin"
        origin = request.header(b"origin")
        if origin and origin in self._origins and not _has_key(request):
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = RESPONSE_HEADERS
        response.headers = headers

    def preflights(self, operations: Sequence[Operation]) -> list[Operation]:
        """The operations that answer browsers before they send; none if there are no origins."""
        methods: dict[str, list[str]] = {}
        for operation in operations:
            if operation.cross_origin:
                for path in (operation.path, *operation.aliases):
                    methods.setdefault(path, []).append(operation.method)
        return [self._preflight(*one) for one in methods.items()] if self._origins else []

    def _preflight(self, path: str, methods: Sequence[str]) -> Operation:
        allowed = {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": REQUEST_HEADERS,
            "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
        }

        async def answer(call: Call) -> HttpResponse:
            known = call.request.header(b"origin") in self._origins
            headers: Mapping[str, str] = allowed if known else {}
            return HttpResponse(b"", status_code=204, headers=headers)

        return Operation(
            name=f"preflight {path}",
            method="OPTIONS",
            path=path,
            summary="Say what a page of another origin may send",
            responses={204: None},
            shared=True,
            any_query=True,
            handler=answer,
        )


def _has_key(request: HttpRequest) -> bool:
    _, _, credential = (request.header(b"authorization") or "").partition(" ")
    return credential.lstrip().startswith(_KEY)
