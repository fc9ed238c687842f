"""A request and an answer as ASGI carries them: no more than the routes need.

Litestar finds the route; from there every microsecond counts for every request, so nothing is
parsed that nobody asks for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from api.http.errors import BODY_BYTES_MAX, BodyTooLarge

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
"""ASGI's callables; its messages are mappings."""

BODILESS: Final = frozenset({204, 304})
QUERY_FIELDS_MAX: Final = 100
LENGTH_DIGITS_MAX: Final = 18
SINGLE: Final = frozenset(
    {"authorization", "content-length", "content-type", "host", "idempotency-key"}
)
"""Headers whose second sending is refused: nobody can say which one was meant."""
LISTS: Final = frozenset({"accept", "accept-language", "if-none-match", "x-forwarded-for"})
"""Headers that are lists by definition."""


class ClientGone(Exception):
    """The caller hung up while its request was read."""


class HttpRequest:
    """One request. Header names are lower case.

    A list header that was sent twice is one list (RFC 9110, 5.3). Of one that says a single thing
    the last counts, and `repeated` names it, so that it can be refused; `traceparent` sent twice
    says nothing (W3C Trace Context, 3.2).
    """

    __slots__ = ("_receive", "_scope", "headers", "repeated")

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        pairs: Pairs = scope["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
        self.repeated = ""
        """A header that may be sent once only and was sent twice; empty if there is none."""
        if len(headers) < len(pairs):
            headers, self.repeated = _merged(pairs)
        self.headers: Mapping[str, str] = headers

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

    @property
    def query(self) -> Sequence[tuple[str, str]]:
        """The query's fields in order; parsed each time.

        Raises:
            ValueError: more than 100 fields.
        """
        raw: bytes = self._scope["query_string"]
        if not raw:
            return ()
        text = raw.decode("latin-1")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)

    def all(self, name: str) -> Sequence[str]:
        """Every value of a header in order; the name in lower case."""
        if name not in self.headers:
            return ()
        wanted = name.encode("latin-1")
        return [v.decode("latin-1") for n, v in self._scope["headers"] if n == wanted]

    @property
    def client_host(self) -> str:
        """The peer's address, empty if there is none."""
        client = self._scope.get("client")
        return str(client[0]) if client else ""

    def _announced(self) -> int:
        text = self.headers.get("content-length", "")
        if not (text.isascii() and text.isdigit()):
            return 0
        return int(text) if len(text) <= LENGTH_DIGITS_MAX else BODY_BYTES_MAX + 1

    async def body(self) -> bytes:
        """The whole body; read it once.

        Raises (checked in this order):
            BodyTooLarge: more than 16 KiB, announced or sent.
            ClientGone: the caller hung up.
        """
        parts, size = [], 0
        if self._announced() > BODY_BYTES_MAX:
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


Pairs = Sequence[tuple[bytes, bytes]]


def _merged(pairs: Pairs) -> tuple[dict[str, str], str]:
    """Headers of which some are sent more than once, and one that may not be."""
    headers: dict[str, str] = {}
    repeated = ""
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name in headers and name in LISTS:
            value = f"{headers[name]}, {value}"
        elif name in headers and name in SINGLE:
            repeated = repeated or name.title()
        elif name in headers and name == "traceparent":
            value = ""
        headers[name] = value
    return headers, repeated


def encoded(headers: Mapping[str, str]) -> Pairs:
    """Headers as they travel."""
    return [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]


class DefaultHeaders:
    """Headers that every answer has unless it brings its own: few on data, all on what is shown."""

    def __init__(self, *, data: Mapping[str, str], shown: Mapping[str, str]) -> None:
        self._data = data
        self._shown = shown
        self._data_pairs = encoded(data)

    def pairs(self, response: HttpResponse) -> list[tuple[bytes, bytes]]:
        """Them, with the answer's own."""
        if response.is_data and self._data.keys().isdisjoint(response.headers):
            return [*self._data_pairs, *encoded(response.headers)]
        return list(encoded(self.of(response)))

    def of(self, response: HttpResponse) -> dict[str, str]:
        """The same as text."""
        return {**(self._data if response.is_data else self._shown), **response.headers}


class HttpResponse:
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

    @property
    def is_data(self) -> bool:
        """Programs read it; no browser shows it."""
        return self.media_type.endswith("json")

    async def send(self, send: Send, default_headers: DefaultHeaders) -> None:
        """Write it."""
        pairs = default_headers.pairs(self)
        if self.status_code not in BODILESS:
            pairs.append((b"content-type", self.media_type.encode("latin-1")))
            pairs.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status_code, "headers": pairs})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})
