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

from api import fingerprints
from api.bodies import Body, decode_body, read_body, read_query
from api.context import Services
from api.errors import TooManyRequests
from api.identity import Caller, Doorkeeper, Identity, client_address, is_local
from api.rate_limit import RateLimit, caller_at
from api.refusals import on_any_error, to_answer
from api.wire import Always, Answer, ClientGone, Inbound
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


Handler = Callable[["Call"], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A route: its address, who may call it, what goes in, what comes out."""

    name: str
    method: str
    path: str
    summary: str
    description: str = ""
    callers: frozenset[Caller] = frozenset()
    """Empty: anybody, without a key."""
    limited: bool = True
    """Counts against the caller's requests a second; monitors' questions do not."""
    local_without_key: bool = False
    """From this machine no key is asked for."""
    body: type[Any] | None = None
    query: type[Any] | None = None
    answers: Mapping[int, Any] = field(default_factory=dict)
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
    inbound: Inbound
    services: Services
    who: Identity
    body: Any = None
    query: Any = None
    key: str = ""

    @property
    def path(self) -> Mapping[str, Any]:
        """The parameters of the address."""
        return self.inbound.path_params

    async def send(self, command: Command) -> Outcome:
        """Send a command under the caller's idempotency key, if there is one.

        The key's scope is the holder, the method and the route, so that rotating an API key
        changes nothing.
        """
        fingerprint = b""
        request = (self.operation.method, self.inbound.path, self.body)
        command_id = self.services.new_id()
        if self.key:
            operation = self.operation
            scope = f"{operation.method} {operation.path}"
            command_id = ids.derive("idempotency", self.who.holder, scope, self.key)
            fingerprint = fingerprints.of_request(*request)
        match = _TRACEPARENT.match(self.inbound.headers.get("traceparent", ""))
        envelope = Envelope(
            command=command,
            command_id=command_id,
            actor=self.who.actor,
            trace_id=match.group(1) if match else command_id.hex,
            fingerprint=fingerprint,
            older_fingerprints=partial(fingerprints.of_first_releases, *request),
        )
        return await self.services.gate.send(envelope)


ANYBODY: Final = Identity(Caller.PAGE, "", "public")


class Router:
    """Turns operations into Litestar routes."""

    def __init__(self, services: Services, always: Always) -> None:
        self._services = services
        self._always = always
        """Headers on every answer."""
        self._rate_limit = RateLimit(services.config.rate_limit)
        self._doorkeeper = Doorkeeper(services, self._rate_limit)

    def route(self, operation: Operation) -> HTTPRouteHandler:
        """The Litestar handler of an operation: it hands over to an ASGI application of ours."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            with suppress(ClientGone):
                answer = await self._timed(operation, Inbound(scope, receive))
                await answer.send(send, self._always)

        def application() -> ASGIApp:
            return serve

        return HTTPRouteHandler(
            [operation.path, *operation.aliases],
            http_method=operation.method,  # type: ignore[arg-type]
            name=operation.name,
            status_code=200,
            sync_to_thread=False,
        )(application)

    async def _timed(self, operation: Operation, inbound: Inbound) -> Answer:
        started = time.perf_counter()
        try:
            answer = await self._serve(operation, inbound)
        except LedgerError as refusal:
            answer = to_answer(refusal)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - told to the log with its trace
            answer = on_any_error(operation.method, operation.name, error)
        self._services.metrics.request_served(
            operation=operation.name,
            status=answer.status_code,
            seconds=time.perf_counter() - started,
        )
        return answer

    async def _serve(self, operation: Operation, inbound: Inbound) -> Answer:
        who = ANYBODY
        now = time.monotonic()
        config = self._services.config
        if inbound.repeated:
            self._let_through(caller_at(client_address(inbound, config)), now)
            raise InvalidRequest.of(inbound.repeated, "is sent twice")
        local = operation.local_without_key and is_local(inbound, config)
        if operation.callers and not local:
            who = await self._doorkeeper.identify(inbound, now)
            self._let_through(who.holder, now)
            if who.caller not in operation.callers:
                raise Forbidden(reason=f"A key of the role {who.caller} may not do this")
        elif operation.limited:
            self._let_through(caller_at(client_address(inbound, config)), now)
        key = None
        if operation.idempotency is not Idempotency.NONE:  # elsewhere it is ignored
            key = _idempotency_key(inbound.headers.get("idempotency-key"))
        if operation.idempotency is Idempotency.REQUIRED and key is None:
            raise IdempotencyKeyRequired
        call = Call(
            operation=operation,
            inbound=inbound,
            services=self._services,
            who=who,
            key=key or "",
        )
        call.query = read_query(inbound, operation.query)
        if operation.body:
            call.body = await read_body(inbound, operation.body)
        elif operation.method != "GET" and (raw := await inbound.body()):
            decode_body(inbound, raw, Body)  # nothing is expected: `{}` is all there may be
        return await operation.handler(call)

    def _let_through(self, caller: str, now: float) -> None:
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
