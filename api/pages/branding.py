"""The logo and the colour of a merchant, on the pages of its payers."""

from __future__ import annotations

import re
from typing import Any, Final

from api import blocking
from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.pages.accents import coloured
from application.errors import NotFound
from domain import ids
from domain.merchants.logo import MEDIA_TYPES
from domain.merchants.merchant import Merchant
from domain.sessions.payment_session import PaymentSession

LOGO_PATH: Final = "/logos"
HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of a logo: the address names its content. Opened on its own, it can do nothing."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


async def payee_of(services: Services, session: PaymentSession) -> Merchant:
    """The merchant that a session pays."""
    merchant_id = ids.decode("mer", session.merchant_id)
    current = await blocking.read(services.reader.get, Merchant, merchant_id, "merchant")
    return current.state


def branding_context(merchant: Merchant, sheet: str) -> dict[str, Any]:
    """The variables of a template: `logo`, which may be None, and `sheet`, the page's own one."""
    logo = merchant.branding.logo
    shown = None
    if logo is not None:
        url = f"{LOGO_PATH}/{logo.sha256}"
        shown = {"url": url, "width": logo.width, "height": logo.height}
    return {"logo": shown, "sheet": coloured(sheet, merchant.branding.accent)}


class LogoRoutes:
    """The operation behind the address of a logo. It needs no key: everybody may see a logo."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="getLogo", method="GET", path=f"{LOGO_PATH}/{{sha256:str}}",
                summary="The logo of a merchant, by the SHA-256 of its file",
                description="What an address says never changes.",
                responses={200: MEDIA_TYPES[0]}, media_types=MEDIA_TYPES[1:],
                problems=("not-found",), handler=self.logo,
            ),
        ]  # fmt: skip

    async def logo(self, call: Call, sha256: str) -> HttpResponse:  # noqa: ARG002
        """The file as it was uploaded."""
        found = None
        if _SHA256.fullmatch(sha256):
            found = await blocking.read(self._services.logos.read, sha256)
        if found is None:
            raise NotFound(thing="logo")
        return HttpResponse(found.data, media_type=found.media_type, headers=HEADERS)
