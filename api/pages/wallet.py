"""The wallet's own pages: scanning, the address of a printed code, and what makes them an app."""

from __future__ import annotations

import json
import re
from typing import Final

from api.context import Services
from api.http.accept import wants_html
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.pages.rendering import language_for, render
from api.pages.routes import LanguageQuery, message_page
from api.pages.static_files import asset, edition, static_file
from api.pages.wallet_texts import home_texts
from application.errors import NotFound
from domain.money.currencies import CURRENCIES
from domain.qr.dynamic_url import PAYLOAD_CHARS_MAX

HOME: Final = "/wallet"
SHELL: Final = (
    "amounts.js", "claims.js", "countdown.js", "home.js", "icon.svg", "live.js", "pages.css",
    "patience.js", "processing.js", "push.js", "quote.js", "receipts.js", "scan.js", "sheet.js",
    "texts.js", "viewfinder.js", "wallet-api.js", "wallet.css", "wallet.js", "worker.js",
)  # fmt: skip
"""What the service worker keeps: the static files of the wallet's pages."""
ICONS: Final = {"icon-192.png": 192, "icon-512.png": 512}
"""Each of them is drawn for any purpose: its margin lets a device cut it to its own shape."""
COMMON_EXPONENT: Final = 2
WORKER_POLICY: Final = "default-src 'none'; connect-src 'self'"
_SEGMENT: Final = re.compile("[0-9A-Za-z]+")


class WalletPageRoutes:
    """The operations behind the wallet's own pages. They need no key."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        html = {200: "text/html"}
        return [
            Operation(
                name="getWalletHome", method="GET", path=HOME,
                summary="The wallet's page: scan a code, then pay",
                responses=html, handler=self.home,
            ),
            Operation(
                name="getStaticCodeAddress", method="GET",
                path="/s/{code:str}/{key:str}/{signature:str}",
                aliases=("/S/{code:str}/{key:str}/{signature:str}",),
                summary="The address in a printed code: the wallet's page with this code",
                responses=html, problems=("not-found",), handler=self.static_code_address,
            ),
            Operation(
                name="getWalletOffline", method="GET", path=f"{HOME}/offline",
                summary="What the wallet shows without a connection",
                responses=html, handler=self.offline,
            ),
            Operation(
                name="getWalletManifest", method="GET", path="/manifest.webmanifest",
                summary="The web app manifest of the wallet's page",
                responses={200: "application/manifest+json"}, handler=self.manifest,
            ),
            Operation(
                name="getServiceWorker", method="GET", path="/sw.js",
                summary="The service worker, which keeps the wallet's static files",
                responses={200: "text/javascript"}, handler=self.service_worker,
            ),
        ]  # fmt: skip

    async def home(self, call: Call, query: LanguageQuery) -> HttpResponse:  # noqa: ARG002
        """The wallet's page, ready to scan."""
        return _home_page(call, payload="")

    async def static_code_address(
        self,
        call: Call,
        query: LanguageQuery,  # noqa: ARG002 - the page reads `lang` from the request
        code: str,
        key: str,
        signature: str,
    ) -> HttpResponse:
        """The wallet's page with this code, which only the scan checks.

        The text is that of the signed address: in upper case, which is how all of its parts are
        written. Nothing in it is believed or shown before its signature has been checked.
        """
        text = f"{self._services.config.public_url}/s/{code}/{key}/{signature}"
        if len(text) > PAYLOAD_CHARS_MAX or not all(map(_is_plain, (code, key, signature))):
            if not wants_html(call.request):
                raise NotFound(thing="static code")
            _ = language_for(call.request).gettext
            hint = _("This address is not a payment code. Scan the code again.")
            return message_page(call, _("Payment not found"), hint, status=404)
        return _home_page(call, payload=text.upper())

    async def offline(self, call: Call, query: LanguageQuery) -> HttpResponse:  # noqa: ARG002
        """The text for a page that cannot be loaded; the service worker keeps it."""
        _ = language_for(call.request).gettext
        title = _("No connection")
        hint = _("Paying needs a connection. Connect this device, then open the page again.")
        return message_page(call, title, hint, status=200)

    async def manifest(self, call: Call, query: LanguageQuery) -> HttpResponse:  # noqa: ARG002
        """The web app manifest, in the language of the request."""
        language = language_for(call.request)
        icons = [
            {"src": asset(name), "sizes": f"{side}x{side}", "type": "image/png", "purpose": use}
            for name, side in ICONS.items()
            for use in ("any", "maskable")
        ]
        manifest = {
            "id": HOME,
            "name": language.gettext("Scan to pay"),
            # Translators: below the icon on a phone's screen; at most 12 characters.
            "short_name": language.gettext("Wallet"),
            "lang": language.tag,
            "dir": language.direction,
            "start_url": HOME,
            "scope": "/",
            "display": "standalone",
            "background_color": "#f3f5f4",
            "theme_color": "#0b6b3f",
            "icons": icons,
        }
        return HttpResponse(
            json.dumps(manifest).encode(),
            media_type="application/manifest+json",
            headers={"Cache-Control": "no-cache", "Vary": "Accept-Language"},
        )

    async def service_worker(self, call: Call) -> HttpResponse:  # noqa: ARG002 - the same for all
        """The service worker of this edition: a new edition has other bytes, so it is installed."""
        shell = json.dumps([asset(name) for name in SHELL])
        first = f"globalThis.EDITION = {json.dumps(edition())}; globalThis.SHELL = {shell};\n"
        return HttpResponse(
            first.encode() + (static_file("service-worker.js") or b""),
            media_type="text/javascript",
            headers={"Cache-Control": "no-cache", "Content-Security-Policy": WORKER_POLICY},
        )


def _home_page(call: Call, *, payload: str) -> HttpResponse:
    language = language_for(call.request)
    exponents = {
        one.code: one.exponent for one in CURRENCIES.values() if one.exponent != COMMON_EXPONENT
    }
    data = {"payload": payload, "exponents": exponents, "texts": home_texts(language)}
    return render(
        "wallet_home.html", call.services.config, language, data=data, scans=True, worker=True
    )


def _is_plain(segment: str) -> bool:
    return _SEGMENT.fullmatch(segment) is not None
