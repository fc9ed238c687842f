"""A request and an answer as ASGI carries them: no more than the routes need.

Litestar finds the route; from there every microsecond counts for every request, so nothing is
parsed that nobody asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Response
from litestar.types import Receive, Scope, Send

from api.errors import BODY_BYTES_MAX, BodyTooLarge

BODILESS: Final = frozenset({204, 304})
QUERY_FIELDS_MAX: Final = 100


class ClientGone(Exception):
    """The caller hung up while its request was read."""


class Inbound:
    """One request. Header names are lower case; of a header given twice the last one counts."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope: Mapping[str, Any] = scope
        self._receive = receive

    @property
    def method(self) -> str:
        """Upper case."""
        return str(self._scope["method"])

    @property
    def path(self) -> str:
        """The address without its query."""
        return str(self._scope["path"])

    @property
    def path_params(self) -> Mapping[str, Any]:
        """What stands in the gaps of the route's address."""
        found: Mapping[str, Any] = self._scope["path_params"]
        return found

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Every header."""
        return {k.decode("latin-1"): v.decode("latin-1") for k, v in self._scope["headers"]}

    @cached_property
    def query(self) -> Sequence[tuple[str, str]]:
        """The query's fields in order.

        Raises:
            ValueError: more than 100 fields.
        """
        raw: bytes = self._scope["query_string"]
        text = raw.decode("latin-1")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)

    @property
    def client_host(self) -> str:
        """The peer's address, empty if there is none."""
        client = self._scope.get("client")
        return str(client[0]) if client else ""

    @cached_property
    def _announced(self) -> int:
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() else 0

    async def body(self) -> bytes:
        """The whole body; read it once.

        Raises (checked in this order):
            BodyTooLarge: more than 16 KiB, announced or sent.
            ClientGone: the caller hung up.
        """
        parts, size = [], 0
        if self._announced > BODY_BYTES_MAX:
            raise BodyTooLarge(limit_bytes=BODY_BYTES_MAX)
        while True:
            message: Any = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > BODY_BYTES_MAX:
                raise BodyTooLarge(limit_bytes=BODY_BYTES_MAX)
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)


class Answer:
    """What goes back: bytes, a status, a media type, headers."""

    __slots__ = ("body", "headers", "media_type", "status_code")

    def __init__(
        self,
        body: bytes,
        *,
        status_code: int = 200,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.body = body
        self.status_code = status_code
        self.media_type = media_type
        self.headers: Mapping[str, str] = headers or {}

    async def send(self, send: Send, always: Mapping[str, str]) -> None:
        """Write it; `always` are headers that every answer has unless it brings its own."""
        headers = {**always, **self.headers}
        if self.status_code not in BODILESS:
            headers["Content-Type"] = self.media_type
            headers["Content-Length"] = str(len(self.body))
        pairs = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": self.status_code, "headers": pairs})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})

    def to_litestar(self, always: Mapping[str, str]) -> Response[bytes]:
        """The same for handlers that Litestar calls itself."""
        return Response(
            self.body,
            status_code=self.status_code,
            media_type=self.media_type,
            headers={**always, **self.headers},
        )
