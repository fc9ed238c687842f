"""The HTTP application: every operation, its document, and the headers on every answer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope

from api import money, openapi
from api.context import Services
from api.errors import BODY_BYTES_MAX, on_any_error, on_http_error, on_ledger_error, to_response
from api.operation import Operation, Router
from api.pages import rendering
from api.v1.events import EventRoutes
from api.v1.health import HealthRoutes
from api.v1.payment_sessions import SessionRoutes
from api.v1.public import PublicRoutes
from api.v1.wallets import WalletRoutes
from application.errors import NotFound
from domain.errors import LedgerError
from domain.money.money import Money

CSP: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def operations(services: Services) -> list[Operation]:
    """Every operation the API serves."""
    routes = (SessionRoutes, WalletRoutes, EventRoutes, PublicRoutes, HealthRoutes)
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
    router = Router(services)
    headers = dict(HEADERS)
    if services.config.secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"

    written = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def add_headers(message: Message, _scope: Scope) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message["headers"]}
            added = [pair for pair in written if pair[0] not in own]
            message["headers"] = [*message["headers"], *added]

    return Litestar(
        [*(router.route(operation) for operation in served), *_documents(served, services)],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
        before_send=[add_headers],
        exception_handlers={
            LedgerError: on_ledger_error,
            HTTPException: on_http_error,
            Exception: on_any_error,
        },
        on_startup=[services.gate.open],
        on_shutdown=[services.gate.close, services.close],
    )


def _documents(served: Sequence[Operation], services: Services) -> list[BaseRouteHandler]:
    public = services.config.public_url
    document = msgspec.json.encode(openapi.document(served, version=version(), public_url=public))
    page = openapi.page(served, version=version())

    @get("/openapi.json", name="openapi")
    async def openapi_json() -> Response[bytes]:
        return Response(document, media_type="application/json")

    @get("/docs", name="docs")
    async def docs() -> Response[str]:
        return Response(page, media_type="text/html")

    @get("/favicon.ico", name="favicon")
    async def favicon() -> Response[bytes]:
        return _static("icon.svg", kept=False)

    @get(["/static/{name:str}", "/static/{edition:str}/{name:str}"], name="static")
    async def static(request: Request[Any, Any, Any]) -> Response[bytes]:
        wanted = request.path_params.get("edition")
        return _static(str(request.path_params["name"]), kept=wanted == rendering.edition())

    @get("/problems/{code:str}", name="problem")
    async def problem(request: Request[Any, Any, Any]) -> Response[bytes]:
        kind = LedgerError.by_code.get(str(request.path_params["code"]))
        if kind is None:
            return to_response(NotFound(thing="address"))
        told = {"code": kind.code, "title": kind.title, "description": (kind.__doc__ or "").strip()}
        return Response(msgspec.json.encode(told), media_type="application/json")

    return [openapi_json, docs, favicon, static, problem]


def _static(name: str, *, kept: bool) -> Response[bytes]:
    data = rendering.static_file(name)
    if data is None:
        return to_response(NotFound(thing="address"))
    keep = "public, max-age=31536000, immutable" if kept else "no-cache"
    media_type = rendering.MEDIA_TYPES[name.rpartition(".")[2]]
    return Response(data, media_type=media_type, headers={"Cache-Control": keep})
