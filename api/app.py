"""The ASGI application: the operations of the API, and the documents beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import metadata
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from api.callbacks.routes import CallbackRoutes
from api.context import Services
from api.http import openapi
from api.http.application import Application
from api.http.compression import Compressible
from api.http.cross_origin import CrossOrigin
from api.http.errors import BODY_BYTES_MAX
from api.http.messages import DefaultHeaders, HttpResponse
from api.http.operation import Operation, Routes
from api.http.problems import on_any_error, on_http_error
from api.http.router import Router, litestar_handler
from api.http.security_headers import api_headers
from api.pages import static_files
from api.pages.branding import LogoRoutes
from api.pages.checkout_attempts import CheckoutAttemptRoutes
from api.pages.checkpoints import CheckpointPageRoutes
from api.pages.dashboards.deliveries import DeliveryPageRoutes
from api.pages.dashboards.endpoints import EndpointPageRoutes
from api.pages.dashboards.history import HistoryPageRoutes
from api.pages.dashboards.payments import PaymentPageRoutes
from api.pages.dashboards.sign_in import DashboardRoutes
from api.pages.docs import docs_page
from api.pages.home import HomeRoutes
from api.pages.problems import problem_response
from api.pages.refusals import refusal_page
from api.pages.returns import ReturnRoutes
from api.pages.routes import PageRoutes
from api.pages.sandbox import SandboxRoutes
from api.pages.verifier import VerifierRoutes
from api.pages.wallet import WalletPageRoutes
from api.v1.attempts import AttemptRoutes
from api.v1.books import BookRoutes
from api.v1.clock import ClockRoutes
from api.v1.code_keys import CodeKeyRoutes
from api.v1.dashboard_links import DashboardLinkRoutes
from api.v1.events import EventRoutes
from api.v1.fx_quotes import FxQuoteRoutes
from api.v1.health import HealthRoutes
from api.v1.live_tickets import LiveTicketRoutes
from api.v1.payment_sessions import SessionRoutes
from api.v1.payouts import PayoutRoutes
from api.v1.push_subscriptions import PushSubscriptionRoutes
from api.v1.qr_images import QrImageRoutes
from api.v1.receipts import ReceiptRoutes
from api.v1.refunds import RefundRoutes
from api.v1.scans import ScanRoutes
from api.v1.sealed_log import SealedLogRoutes
from api.v1.session_queries import SessionQueryRoutes
from api.v1.session_stream import SessionStreamRoutes
from api.v1.statements import StatementRoutes
from api.v1.static_code_pictures import StaticCodePictureRoutes
from api.v1.static_codes import StaticCodeRoutes
from api.v1.treasury import TreasuryRoutes
from api.v1.wallets import WalletRoutes
from api.v1.webhook_deliveries import DeliveryRoutes
from api.v1.webhooks import WebhookRoutes
from api.views import money
from domain.money.money import Money

ROUTES: Final[Sequence[Callable[[Services], Routes]]] = (
    SessionRoutes,
    ScanRoutes,
    SessionQueryRoutes,
    SessionStreamRoutes,
    StaticCodeRoutes,
    StaticCodePictureRoutes,
    AttemptRoutes,
    RefundRoutes,
    PayoutRoutes,
    TreasuryRoutes,
    WalletRoutes,
    PushSubscriptionRoutes,
    FxQuoteRoutes,
    BookRoutes,
    StatementRoutes,
    WebhookRoutes,
    DeliveryRoutes,
    DashboardLinkRoutes,
    EventRoutes,
    ClockRoutes,
    LiveTicketRoutes,
    ReceiptRoutes,
    SealedLogRoutes,
    CallbackRoutes,
    HomeRoutes,
    PageRoutes,
    CheckoutAttemptRoutes,
    ReturnRoutes,
    WalletPageRoutes,
    SandboxRoutes,
    DashboardRoutes,
    DeliveryPageRoutes,
    EndpointPageRoutes,
    HistoryPageRoutes,
    PaymentPageRoutes,
    VerifierRoutes,
    CheckpointPageRoutes,
    QrImageRoutes,
    LogoRoutes,
    CodeKeyRoutes,
    HealthRoutes,
)
"""Every route class; the documents list their operations in this order."""


def operations(services: Services) -> list[Operation]:
    """Every operation of the API."""
    return [operation for routes in ROUTES for operation in routes(services).operations()]


def version() -> str:
    """The version of the installed distribution."""
    try:
        return metadata.version("qrledger")
    except metadata.PackageNotFoundError:
        return "0+unknown"


def create_app(services: Services) -> Application:
    """The ASGI application."""
    money.display(Money(0, "USD"))  # loads the locale at startup, not in the first response
    listed = operations(services)
    default_headers = api_headers(services.config.public_url, services.new_id().int)

    def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        return _to_litestar(on_http_error(request.method, error), default_headers)

    def on_any(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        return _to_litestar(on_any_error(request.method, "", error), default_headers)

    cross_origin = CrossOrigin(services.config.cors_origins)
    router = Router(services, default_headers, cross_origin, refusal_page)
    # Litestar answers OPTIONS itself on every path that it does not know an answer for yet.
    every = (*cross_origin.preflights(listed), *listed)
    served = [(operation, router.serve(operation)) for operation in every]
    litestar = Litestar(
        [
            *(litestar_handler(operation, serve) for operation, serve in served),
            *_documents(listed, services, default_headers),
        ],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
        exception_handlers={HTTPException: on_http, Exception: on_any},
        on_startup=[services.dispatcher.open, services.streams.open],
        on_shutdown=[services.streams.close, services.dispatcher.close, services.close],
    )
    return Application(litestar, served, default_headers.request_ids)


def _documents(
    served: Sequence[Operation], services: Services, default_headers: DefaultHeaders
) -> list[BaseRouteHandler]:
    """The routes that are not operations: documents and static files."""
    public_url = services.config.public_url

    @cache
    def document() -> dict[str, Any]:
        return openapi.document(served, version=version(), public_url=public_url)

    openapi_response = Compressible(lambda: HttpResponse(msgspec.json.encode(document())))
    docs_response = Compressible(lambda: docs_page(served, document(), version=version()))

    @_get("/openapi.json", name="openapi")
    async def openapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
        response = await asyncio.to_thread(openapi_response.respond, _encodings(request))
        return _to_litestar(response, default_headers)

    @_get("/docs", name="docs")
    async def docs(request: Request[Any, Any, Any]) -> Response[bytes]:
        response = await asyncio.to_thread(docs_response.respond, _encodings(request))
        return _to_litestar(response, default_headers)

    @_get("/favicon.ico", name="favicon")
    async def favicon() -> Response[bytes]:
        return _to_litestar(static_files.respond("icon.svg"), default_headers)

    @_get(["/static/{name:str}", "/static/{edition:str}/{name:str}"], name="static")
    async def static(request: Request[Any, Any, Any]) -> Response[bytes]:
        edition_named = str(request.path_params.get("edition", ""))
        name = str(request.path_params["name"])
        response = static_files.respond(
            name, edition_named=edition_named, accept_encoding=_encodings(request)
        )
        return _to_litestar(response, default_headers)

    @_get("/static/vendor/{package:str}/{name:str}", name="vendored")
    async def vendored(request: Request[Any, Any, Any]) -> Response[bytes]:
        response = await asyncio.to_thread(
            static_files.respond_vendored,
            str(request.path_params["package"]),
            str(request.path_params["name"]),
            accept_encoding=_encodings(request),
        )
        return _to_litestar(response, default_headers)

    @_get("/problems/{code:str}", name="problem")
    async def problem(request: Request[Any, Any, Any]) -> Response[bytes]:
        code, accept = str(request.path_params["code"]), request.headers.get("accept")
        response = problem_response(services.config, code, accept)
        return _to_litestar(response, default_headers)

    return [openapi_json, docs, favicon, static, vendored, problem]


_get: Final = partial(HTTPRouteHandler, http_method=["GET", "HEAD"], status_code=200)
"""Of a response to `HEAD` the server sends the headers only."""


def _encodings(request: Request[Any, Any, Any]) -> str:
    return request.headers.get("accept-encoding", "")


def _to_litestar(response: HttpResponse, default_headers: DefaultHeaders) -> Response[bytes]:
    """The response of a handler that Litestar calls directly, which adds the charset of texts."""
    return Response(
        response.body,
        status_code=response.status_code,
        media_type=response.media_type.removesuffix("; charset=utf-8"),
        headers=default_headers.of(response),
    )
