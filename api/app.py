"""The HTTP application: every operation, its document, and the headers on every answer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler

from api.context import Services
from api.http import openapi
from api.http.errors import BODY_BYTES_MAX
from api.http.messages import DefaultHeaders, HttpResponse
from api.http.operation import Operation, Router
from api.http.problems import on_any_error, on_http_error, to_response
from api.http.security_headers import security_headers
from api.pages import rendering
from api.pages.routes import PageRoutes
from api.v1.events import EventRoutes
from api.v1.health import HealthRoutes
from api.v1.payment_sessions import SessionRoutes
from api.v1.qr_images import QrImageRoutes
from api.v1.wallets import WalletRoutes
from api.views import money
from application.errors import NotFound
from domain.errors import LedgerError
from domain.money.money import Money


def operations(services: Services) -> list[Operation]:
    """Every operation the API serves."""
    routes = (
        SessionRoutes, WalletRoutes, EventRoutes, PageRoutes, QrImageRoutes, HealthRoutes,
    )  # fmt: skip
    return [operation for kind in routes for operation in kind(services).operations()]


def version() -> str:
    """The version of the installed distribution."""
    try:
        return metadata.version("qrledger")
    except metadata.PackageNotFoundError:
        return "0+unknown"


def create_app(services: Services) -> Litestar:
    """The ASGI application."""
    money.display(Money(0, "USD"))  # loads the locale now, not in the first answer
    served = operations(services)
    default_headers = security_headers(secure=services.config.secure)

    def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        return _to_litestar(on_http_error(request.method, error), default_headers)

    def on_any(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        return _to_litestar(on_any_error(request.method, "", error), default_headers)

    router = Router(services, default_headers)
    return Litestar(
        [
            *(router.route(operation) for operation in served),
            *_documents(served, services, default_headers),
        ],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
        exception_handlers={HTTPException: on_http, Exception: on_any},
        on_startup=[services.dispatcher.open],
        on_shutdown=[services.dispatcher.close, services.close],
    )


def _documents(
    served: Sequence[Operation], services: Services, default_headers: DefaultHeaders
) -> list[BaseRouteHandler]:
    public = services.config.public_url
    document = msgspec.json.encode(openapi.document(served, version=version(), public_url=public))
    page = openapi.page(served, version=version()).encode()

    @get("/openapi.json", name="openapi")
    async def openapi_json() -> Response[bytes]:
        return _to_litestar(HttpResponse(document), default_headers)

    @get("/docs", name="docs")
    async def docs() -> Response[bytes]:
        response = HttpResponse(page, media_type="text/html; charset=utf-8")
        return _to_litestar(response, default_headers)

    @get("/favicon.ico", name="favicon")
    async def favicon() -> Response[bytes]:
        return _to_litestar(_static("icon.svg", kept=False), default_headers)

    @get(["/static/{name:str}", "/static/{edition:str}/{name:str}"], name="static")
    async def static(request: Request[Any, Any, Any]) -> Response[bytes]:
        wanted = request.path_params.get("edition")
        kept = wanted == rendering.edition()
        response = _static(str(request.path_params["name"]), kept=kept)
        return _to_litestar(response, default_headers)

    @get("/problems/{code:str}", name="problem")
    async def problem(request: Request[Any, Any, Any]) -> Response[bytes]:
        kind = LedgerError.by_code.get(str(request.path_params["code"]))
        if kind is None:
            return _to_litestar(to_response(NotFound(thing="address")), default_headers)
        told = {"code": kind.code, "title": kind.title, "description": (kind.__doc__ or "").strip()}
        return _to_litestar(HttpResponse(msgspec.json.encode(told)), default_headers)

    return [openapi_json, docs, favicon, static, problem]


def _static(name: str, *, kept: bool) -> HttpResponse:
    data = rendering.static_file(name)
    if data is None:
        return to_response(NotFound(thing="address"))
    keep = "public, max-age=31536000, immutable" if kept else "no-cache"
    media_type = rendering.MEDIA_TYPES[name.rpartition(".")[2]]
    return HttpResponse(data, media_type=media_type, headers={"Cache-Control": keep})


def _to_litestar(response: HttpResponse, default_headers: DefaultHeaders) -> Response[bytes]:
    """The response of a handler that Litestar calls directly."""
    return Response(
        response.body,
        status_code=response.status_code,
        media_type=response.media_type,
        headers=default_headers.of(response),
    )
