"""Images of a session's QR code. They need no key: the code is meant to be seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

from msgspec import Meta

from api import blocking
from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, SessionPathId
from domain.qr import dynamic_url
from domain.sessions.payment_session import PaymentSession

IMAGE_HEADERS: Final = {
    "Cache-Control": "public, max-age=86400, immutable",
    # A browser styles an image opened on its own with inline CSS; nothing may run in it.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}


class PictureQuery(Query):
    """Size of an image: pixels (or points) per module, and modules of quiet zone."""

    scale: Annotated[int, Meta(ge=1, le=40)] = 8
    border: Annotated[int, Meta(ge=4, le=16)] = 4


class QrImageRoutes:
    """The operations that draw QR codes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        path = "/v1/payment-sessions/{id:str}/qr"
        return [
            Operation(
                name="getQrSvg", method="GET", path=f"{path}.svg",
                summary="The QR code as SVG", responses={200: "image/svg+xml"},
                problems=("not-found",), handler=partial(self.image, kind="svg"),
            ),
            Operation(
                name="getQrPng", method="GET", path=f"{path}.png",
                summary="The QR code as PNG", responses={200: "image/png"},
                problems=("not-found",), handler=partial(self.image, kind="png"),
            ),
            Operation(
                name="getQrText", method="GET", path=f"{path}.txt",
                summary="The QR code for a terminal", responses={200: "text/plain"},
                problems=("not-found",), handler=partial(self.image, kind="txt"),
            ),
        ]  # fmt: skip

    async def image(
        self, _call: Call, query: PictureQuery, id: SessionPathId, *, kind: str
    ) -> HttpResponse:
        """Draw the code; the same address always returns the same image."""
        get = self._services.reader.get
        current = await blocking.read(get, PaymentSession, id, "payment session")
        payload = dynamic_url.build(self._services.config.public_url, current.state.id)
        images = self._services.qr_images
        formats: dict[str, tuple[Callable[..., bytes], str]] = {
            "svg": (partial(images.svg, scale=query.scale), "image/svg+xml"),
            "png": (partial(images.png, scale=query.scale), "image/png"),
            "txt": (images.terminal, "text/plain"),
        }
        draw, media_type = formats[kind]
        data: bytes = await asyncio.to_thread(draw, payload, border=query.border)
        return HttpResponse(data, media_type=media_type, headers=IMAGE_HEADERS)
