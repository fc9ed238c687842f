"""One way to serve a request: who, how often, what exactly, under which key; then the handler.

An operation says everything about a route in one place. The router serves it, the OpenAPI
document describes it, the reference page prints it: they cannot disagree.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from api.context import Services
from api.http import fingerprints
from api.http.authentication import Authenticator, client_address, is_local
from api.http.errors import TooManyRequests
from api.http.identity import CallerRole, Identity
from api.http.messages import ClientGone, DefaultHeaders, HttpRequest, HttpResponse
from api.http.parsing import Body, decode_body, read_body, read_query
from api.http.problems import on_any_error, to_response
from api.http.rate_limit import RateLimit, caller_at
from application.command import Command, Envelope, Outcome
from application.errors import Forbidden, IdempotencyKeyRequired
from domain import ids
from domain.errors import InvalidRequest, LedgerError

KEY_CHARS_MAX: Final = 255
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")


class Idempotency(StrEnum):
    """Whether a call takes an `Idempotency-Key`."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


Handler = Callable[["Call"], Awaitable[HttpResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A route: its address, who may call it, what goes in, what comes out."""

    name: str
    method: str
    path: str
    summary: str
    description: str = ""
    callers: frozenset[CallerRole] = frozenset()
    """Empty: anybody, without a key."""
    limited: bool = True
    """Counts against the caller's requests a second; monitors' questions do not."""
    local_without_key: bool = False
    """From this machine no key is asked for."""
    body: type[Any] | None = None
    query: type[Any] | None = None
    responses: Mapping[int, Any] = field(default_factory=dict)
    """Status to the struct of the answer, to a media type (`image/svg+xml`), or to None."""
    page: bool = False
    """A browser (`Accept: text/html`) gets a page instead."""
    problems: tuple[str, ...] = ()
    idempotency: Idempotency = Idempotency.NONE
    handler: Handler
    aliases: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Call:
    """One request, read and checked, on its way to the handler."""

    operation: Operation
    request: HttpRequest
    services: Services
    identity: Identity
    body: Any = None
    query: Any = None
    key: str = ""

    @property
    def path(self) -> Mapping[str, Any]:
        """The parameters of the address."""
        return self.request.path_params

    async def send(self, command: Command) -> Outcome:
        """Send a command under the caller's idempotency key, if there is one.

        The key's scope is the holder, the method and the route, so that rotating an API key
        changes nothing.
        """
        fingerprint = b""
        request = (self.operation.method, self.request.path, self.body)
        command_id = self.services.new_id()
        if self.key:
            operation = self.operation
            scope = f"{operation.method} {operation.path}"
            command_id = ids.derive("idempotency", self.identity.holder, scope, self.key)
            fingerprint = fingerprints.of_request(*request)
        match = _TRACEPARENT.match(self.request.headers.get("traceparent", ""))
        envelope = Envelope(
            command=command,
            command_id=command_id,
            actor=self.identity.actor,
            trace_id=match.group(1) if match else command_id.hex,
            fingerprint=fingerprint,
            older_fingerprints=partial(fingerprints.of_first_releases, *request),
        )
        return await self.services.dispatcher.send(envelope)


ANYBODY: Final = Identity(CallerRole.PAGE, "", "public")


class Router:
    """Turns operations into Litestar routes."""

    def __init__(self, services: Services, default_headers: DefaultHeaders) -> None:
        self._services = services
        self._default_headers = default_headers
        """Headers on every answer."""
        self._rate_limit = RateLimit(services.config.rate_limit)
        self._authenticator = Authenticator(services, self._rate_limit)

    def route(self, operation: Operation) -> HTTPRouteHandler:
        """The Litestar handler of an operation: it hands over to an ASGI application of ours."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            with suppress(ClientGone):
                response = await self._timed(operation, HttpRequest(scope, receive))
                await response.send(send, self._default_headers)

        def application() -> ASGIApp:
            return serve

        return HTTPRouteHandler(
            [operation.path, *operation.aliases],
            http_method=operation.method,  # type: ignore[arg-type]
            name=operation.name,
            status_code=200,
            sync_to_thread=False,
        )(application)

    async def _timed(self, operation: Operation, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        try:
            response = await self._serve(operation, request)
        except LedgerError as refusal:
            response = to_response(refusal)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - told to the log with its trace
            response = on_any_error(operation.method, operation.name, error)
        self._services.metrics.request_served(
            operation=operation.name,
            status=response.status_code,
            seconds=time.perf_counter() - started,
        )
        return response

    async def _serve(self, operation: Operation, request: HttpRequest) -> HttpResponse:
        identity = ANYBODY
        now = time.monotonic()
        config = self._services.config
        if request.repeated:
            self._check_rate_limit(caller_at(client_address(request, config)), now)
            raise InvalidRequest.of(request.repeated, "is sent twice")
        local = operation.local_without_key and is_local(request, config)
        if operation.callers and not local:
            identity = await self._authenticator.identify(request, now)
            self._check_rate_limit(identity.holder, now)
            if identity.role not in operation.callers:
                raise Forbidden(reason=f"A key of the role {identity.role} may not do this")
        elif operation.limited:
            self._check_rate_limit(caller_at(client_address(request, config)), now)
        key = None
        if operation.idempotency is not Idempotency.NONE:  # elsewhere it is ignored
            key = _idempotency_key(request.headers.get("idempotency-key"))
        if operation.idempotency is Idempotency.REQUIRED and key is None:
            raise IdempotencyKeyRequired
        call = Call(
            operation=operation,
            request=request,
            services=self._services,
            identity=identity,
            key=key or "",
        )
        call.query = read_query(request, operation.query)
        if operation.body:
            call.body = await read_body(request, operation.body)
        elif operation.method != "GET" and (raw := await request.body()):
            decode_body(request, raw, Body)  # nothing is expected: `{}` is all there may be
        return await operation.handler(call)

    def _check_rate_limit(self, caller: str, now: float) -> None:
        if not self._rate_limit.allows(caller, now):
            raise TooManyRequests(limit=self._rate_limit.per_second)


def _idempotency_key(header: str | None) -> str | None:
    """The key, quoted (RFC 8941 string) or bare.

    Raises:
        InvalidRequest: empty, longer than 255 characters, or not printable ASCII.
    """
    if header is None:
        return None
    text = header.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    if not 1 <= len(text) <= KEY_CHARS_MAX or not (text.isascii() and text.isprintable()):
        reason = "must be 1 to 255 printable ASCII characters"
        raise InvalidRequest.of("Idempotency-Key", reason)
    return text
