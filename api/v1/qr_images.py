"""Pictures of a session's QR code. They need no key: the code is meant to be seen."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final, Literal

from msgspec import Meta

from api import blocking
from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, SessionPathId
from api.v1.responses import picture_response
from application.ports.pictures import CodePicture
from domain.qr import dynamic_url
from domain.sessions.payment_session import PaymentSession

PictureKind = Literal["svg", "png", "txt"]
MEDIA_TYPES: Final[dict[PictureKind, str]] = {
    "svg": "image/svg+xml", "png": "image/png", "txt": "text/plain",
}  # fmt: skip
SUMMARIES: Final[dict[PictureKind, tuple[str, str]]] = {
    "svg": ("Svg", "The QR code as SVG"),
    "png": ("Png", "The QR code as PNG"),
    "txt": ("Text", "The QR code for a terminal"),
}
IMMUTABLE: Final = "public, max-age=86400, immutable"
"""A session's code never changes, and its ETag names the drawing."""


class PictureQuery(Query):
    """Size of a picture: pixels (or units) per module, and modules of quiet zone."""

    scale: Annotated[int, Meta(ge=1, le=40)] = 8
    border: Annotated[int, Meta(ge=4, le=16)] = 4

    def picture(self, kind: PictureKind, text: str) -> CodePicture:
        """The picture of a text in this size."""
        scale = 1 if kind == "txt" else self.scale
        return CodePicture(kind=kind, text=text, scale=scale, border=self.border)


class QrImageRoutes:
    """The operations that draw the QR codes of sessions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        path = "/v1/payment-sessions/{id:str}/qr"
        return [
            Operation(
                name=f"getQr{name}", method="GET", path=f"{path}.{kind}",
                summary=summary, responses={200: MEDIA_TYPES[kind], 304: None},
                problems=("not-found", "overloaded"), shared=True,
                handler=partial(self.image, kind=kind),
            )
            for kind, (name, summary) in SUMMARIES.items()
        ]  # fmt: skip

    async def image(
        self, call: Call, query: PictureQuery, id: SessionPathId, *, kind: PictureKind
    ) -> HttpResponse:
        """Draw the code; the same address always returns the same picture."""
        payload = dynamic_url.build(self._services.config.public_url, id)
        get = self._services.reader.get
        return await picture_response(
            call,
            query.picture(kind, payload),
            MEDIA_TYPES[kind],
            partial(blocking.read, get, PaymentSession, id, "payment session"),
            caching=IMMUTABLE,
        )
