"""HTTP requests and responses, on top of ASGI.

Litestar only finds the route. These classes are on the path of every request, so they parse nothing
before it is used.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from api.http.errors import BODY_BYTES_MAX, BodyTooLarge
from api.http.request_ids import RequestIds
from application import request_context

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
"""The callables of ASGI; their messages are dictionaries."""

BODILESS: Final = frozenset({204, 304})
QUERY_FIELDS_MAX: Final = 100
LENGTH_DIGITS_MAX: Final = 18
SINGLE: Final = frozenset(
    {b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key"}
)
"""Headers that must not be repeated, because their values would contradict each other."""
LISTS: Final = frozenset({b"accept", b"accept-language", b"if-none-match", b"x-forwarded-for"})
"""Headers whose values are lists; repeated ones are joined (RFC 9110, 5.3)."""


class ClientGone(Exception):
    """The client closed the connection while its request was read."""


class HttpRequest:
    """One request.

    Values of a repeated list header are joined (RFC 9110, 5.3). `repeated` names a header that must
    not be repeated, so that the request can be refused. A repeated `traceparent` is ignored (W3C
    Trace Context, 3.2).
    """

    __slots__ = ("_headers", "_receive", "_scope", "repeated")

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        pairs: Pairs = scope["headers"]
        headers = dict(pairs)
        self.repeated = ""
        """The name of a repeated header that must not be repeated; empty if there is none."""
        if len(headers) < len(pairs):
            headers, self.repeated = _join_repeated(pairs)
        self._headers = headers

    @property
    def method(self) -> str:
        """The method, in upper case."""
        return str(self._scope["method"])

    @property
    def path(self) -> str:
        """The path of the URL, without the query."""
        return str(self._scope["path"])

    @property
    def path_params(self) -> Mapping[str, Any]:
        """The parameters of the route's path."""
        parameters: Mapping[str, Any] = self._scope["path_params"]
        return parameters

    @property
    def query(self) -> Sequence[tuple[str, str]]:
        """The query parameters in order; parsed on every access.

        Raises:
            ValueError: more than 100 parameters.
        """
        raw: bytes = self._scope["query_string"]
        if not raw:
            return ()
        text = raw.decode("latin-1")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)

    def header(self, name: bytes) -> str | None:
        """The value of a header; `name` is in lower case. None if there is no such header."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def all(self, name: bytes) -> Sequence[str]:
        """All values of a header in order; `name` is in lower case."""
        if name not in self._headers:
            return ()
        return [v.decode("latin-1") for n, v in self._scope["headers"] if n == name]

    @property
    def client_host(self) -> str:
        """The address of the connection's other end; empty if unknown."""
        client = self._scope.get("client")
        return str(client[0]) if client else ""

    async def disconnected(self) -> None:
        """Wait until the client has closed the connection; what it sends until then is ignored."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _content_length(self) -> int:
        """The announced length of the body, in bytes; 0 if there is none."""
        text = self._headers.get(b"content-length", b"")
        if not text.isdigit():
            return 0
        return int(text) if len(text) <= LENGTH_DIGITS_MAX else sys.maxsize

    @property
    def single_headers(self) -> Mapping[str, str]:
        """The headers that are sent once, by lower-case names; repeated ones are left out."""
        pairs: Pairs = self._scope["headers"]
        counts = Counter(name for name, _ in pairs)
        return {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in pairs
            if counts[name] == 1
        }

    async def body(self, bytes_max: int = BODY_BYTES_MAX) -> bytes:
        """The whole body; call it once.

        Args:
            bytes_max: its limit, by default 16 KiB.

        Raises (checked in this order):
            BodyTooLarge: more than the limit, announced or sent.
            ClientGone: the client closed the connection.
        """
        if self._content_length() > bytes_max:
            raise BodyTooLarge(limit_bytes=bytes_max)
        body, more = b"", True
        while more:
            message: Any = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            body += message.get("body", b"")
            if len(body) > bytes_max:
                raise BodyTooLarge(limit_bytes=bytes_max)
            more = message.get("more_body", False)
        return body


Pairs = Sequence[tuple[bytes, bytes]]


def _join_repeated(pairs: Pairs) -> tuple[dict[bytes, bytes], str]:
    """Headers by name, and the name of the first one that must not be repeated but is."""
    headers: dict[bytes, bytes] = {}
    repeated = ""
    for name, value in pairs:
        joined = value
        if name in headers and name in LISTS:
            joined = b"%b, %b" % (headers[name], value)
        elif name in headers and name in SINGLE:
            repeated = repeated or name.title().decode()
        elif name in headers and name == b"traceparent":
            joined = b""
        headers[name] = joined
    return headers, repeated


def encode_headers(headers: Mapping[str, str]) -> Pairs:
    """Headers as ASGI sends them."""
    return [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]


class DefaultHeaders:
    """The headers of every response, unless the response has its own of the same name.

    `data` is for responses that programs read, `documents` for those that browsers display.
    Every response also states the id of its request, and what is left of the caller's rate limit.
    """

    def __init__(
        self,
        *,
        data: Mapping[str, str],
        documents: Mapping[str, str],
        request_ids: RequestIds | None = None,
    ) -> None:
        self.request_ids = request_ids or RequestIds()
        self._data = data
        self._documents = documents
        self._data_pairs = encode_headers(data)

    def pairs(self, response: HttpResponse) -> list[tuple[bytes, bytes]]:
        """The default headers and those of the response, as ASGI sends them."""
        if response.is_data and self._data.keys().isdisjoint(response.headers):
            return [*self._data_pairs, *_of_request(), *encode_headers(response.headers)]
        return [*_of_request(), *encode_headers(self._merge(response))]

    def of(self, response: HttpResponse) -> dict[str, str]:
        """The default headers and those of the response."""
        of_request = {k.decode("ascii"): v.decode("ascii") for k, v in _of_request()}
        return {**of_request, **self._merge(response)}

    def _merge(self, response: HttpResponse) -> dict[str, str]:
        return {**(self._data if response.is_data else self._documents), **response.headers}


def _of_request() -> Pairs:
    """The headers that depend on the request only."""
    context = request_context.current()
    return () if context is None else (*context.headers, *context.quota)


class HttpResponse:
    """One response."""

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

    @property
    def is_data(self) -> bool:
        """Whether it is JSON, which no browser displays as a document."""
        return self.media_type.endswith("json")

    async def send(
        self, send: Send, default_headers: DefaultHeaders, *, head: bool = False
    ) -> None:
        """Send it, with the default headers; without its body if the method is `HEAD`."""
        pairs = default_headers.pairs(self)
        if self.status_code not in BODILESS:
            pairs.append((b"content-type", self.media_type.encode("latin-1")))
            pairs.append((b"content-length", b"%d" % len(self.body)))
        body = b"" if head else self.body
        await send({"type": "http.response.start", "status": self.status_code, "headers": pairs})
        await send({"type": "http.response.body", "body": body, "more_body": False})
