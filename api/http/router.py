"""The router: authentication, rate limit and parsing of every request, then its handler."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from api.context import ApiConfig, Services
from api.http.accept import wants_html
from api.http.authentication import Authenticator, client_address, is_local
from api.http.checkout import checkout_token
from api.http.cross_origin import CrossOrigin
from api.http.identity import CallerRole, Identity
from api.http.messages import ClientGone, DefaultHeaders, HttpRequest, HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import (
    Body,
    decode_body,
    parse_idempotency_key,
    path_id,
    read_body,
    read_query,
)
from api.http.problems import on_any_error, to_response
from api.http.rate_limit import RateLimit, address_bucket
from api.http.security_headers import API_VERSION, VERSION
from application.errors import Forbidden, IdempotencyKeyRequired
from domain.errors import InvalidRequest, LedgerError

PUBLIC: Final = Identity(CallerRole.PAGE, "", "public")
"""The identity of a caller without a key."""
RefusalPage = Callable[[ApiConfig, HttpRequest, LedgerError], HttpResponse]
"""What a browser is shown instead of a problem document."""


class Router:
    """Makes ASGI applications from operations."""

    def __init__(
        self,
        services: Services,
        default_headers: DefaultHeaders,
        cross_origin: CrossOrigin,
        refusal_page: RefusalPage,
    ) -> None:
        self._services = services
        self._refusal_page = refusal_page
        self._default_headers = default_headers
        self._cross_origin = cross_origin
        self._rate_limit = RateLimit(services.config.rate_limit)
        self._authenticator = Authenticator(services, self._rate_limit)

    def serve(self, operation: Operation) -> ASGIApp:
        """The ASGI application that serves an operation; the scope has the path's parameters."""
        shares = self._cross_origin.enabled and operation.cross_origin

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            request = HttpRequest(scope, receive)
            try:
                response = await self._measure(operation, request)
            except ClientGone:
                return
            if shares:
                self._cross_origin.share(request, response)
            await response.send(send, self._default_headers, head=request.method == "HEAD")

        return serve

    async def _measure(self, operation: Operation, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        try:
            response = await self._serve(operation, request)
        except LedgerError as refusal:
            response = self._refused(operation, request, refusal)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - logged with its traceback
            response = on_any_error(operation.method, operation.name, error)
        self._services.metrics.request_served(
            operation=operation.name,
            status=response.status_code,
            seconds=time.perf_counter() - started,
        )
        return response

    def _refused(
        self, operation: Operation, request: HttpRequest, refusal: LedgerError
    ) -> HttpResponse:
        if operation.shows_pages and wants_html(request):
            return self._refusal_page(self._services.config, request, refusal)
        return to_response(refusal)

    async def _serve(self, operation: Operation, request: HttpRequest) -> HttpResponse:
        identity = PUBLIC
        now = time.monotonic()
        config = self._services.config
        if request.repeated:
            self._take_token(address_bucket(client_address(request, config)), now)
            raise InvalidRequest.of(request.repeated, "is sent twice")
        version = request.header(b"qrledger-version")
        if version is not None and version != API_VERSION:
            raise InvalidRequest.of(VERSION, f"must be {API_VERSION}: there is no other version")
        local = operation.local_without_key and is_local(request, config)
        if operation.callers and not local:
            identity = await self._identify(operation, request, now)
            self._take_token(identity.holder, now)
            if identity.role not in operation.callers:
                raise Forbidden(reason=f"A key of the role {identity.role} may not do this")
        elif operation.limited:
            self._take_token(address_bucket(client_address(request, config)), now)
        call = Call(
            operation=operation,
            request=request,
            services=self._services,
            identity=identity,
            key=_idempotency_key(operation, request),
        )
        arguments: dict[str, Any] = {}
        query = None if operation.any_query else read_query(request, operation.query)
        if operation.query:
            arguments["query"] = query
        if operation.body:
            call.body = arguments["body"] = await read_body(request, operation.body)
        elif (
            operation.method not in {"GET", "OPTIONS"}
            and not operation.raw_bytes_max
            and (raw := await request.body())
        ):
            decode_body(request, raw, Body)  # no body is expected: only `{}` is accepted
        for name, prefix in operation.path_ids:
            text = str(request.path_params[name])
            arguments[name] = path_id(prefix, text) if prefix else text
        return await operation.handler(call, **arguments)

    async def _identify(self, operation: Operation, request: HttpRequest, now: float) -> Identity:
        """The caller: by a session's token, if the operation takes one, or by its key."""
        if CallerRole.CHECKOUT in operation.callers and (token := checkout_token(request)):
            config = self._services.config
            self._take_token(address_bucket(client_address(request, config)), now)
            session_id = path_id("ps", str(request.path_params["id"]))
            return await self._authenticator.identify_checkout(token, session_id)
        return await self._authenticator.identify(request, now)

    def _take_token(self, bucket: str, now: float) -> None:
        self._rate_limit.take(bucket, now)


def methods(operation: Operation) -> list[str]:
    """The methods that an operation serves: `HEAD` wherever `GET` is."""
    return ["GET", "HEAD"] if operation.method == "GET" else [operation.method]


def litestar_handler(operation: Operation, serve: ASGIApp) -> HTTPRouteHandler:
    """The Litestar handler of an operation; what it returns is called as an ASGI application."""

    def application() -> ASGIApp:
        return serve

    return HTTPRouteHandler(
        [operation.path, *operation.aliases],
        http_method=methods(operation),  # type: ignore[arg-type]
        name=operation.name,
        status_code=200,
        sync_to_thread=False,
    )(application)


def _idempotency_key(operation: Operation, request: HttpRequest) -> str:
    """The caller's idempotency key; empty if there is none or the operation takes none."""
    if operation.idempotency is Idempotency.NONE:
        return ""
    key = parse_idempotency_key(request.header(b"idempotency-key"))
    if operation.idempotency is Idempotency.REQUIRED and not key:
        raise IdempotencyKeyRequired
    return key
