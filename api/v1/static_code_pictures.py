"""Pictures and posters of static codes. They need no key: a printed code is meant to be seen.

Nobody should print a code that opens no session, so a revoked one has no pictures. What has been
printed keeps its text, and scans refuse it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from api import blocking
from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import StaticCodePathId, none_if_unset
from api.pages.posters import poster_texts
from api.pages.rendering import language_for
from api.pages.routes import LanguageQuery
from api.v1.qr_images import MEDIA_TYPES, SUMMARIES, PictureKind, PictureQuery
from api.v1.responses import picture_response
from api.views import money
from application.errors import NotFound
from application.ports.pictures import Poster
from domain.money.money import Money
from domain.static_codes.static_code import StaticCode

PosterKind = Literal["svg", "pdf"]
CACHING: Final = "public, max-age=60"
"""A code may be revoked, and the text of a poster depends on the language of the request."""
POSTER_TYPES: Final[dict[PosterKind, str]] = {"svg": "image/svg+xml", "pdf": "application/pdf"}
POSTER_SUMMARIES: Final[dict[PosterKind, tuple[str, str]]] = {
    "svg": ("Svg", "A printable poster with the code, as SVG in the reader's fonts"),
    "pdf": ("Pdf", "A printable poster with the code, as PDF"),
}


TextFormat = Literal["url", "emv"] | UnsetType
"""Which of the code's texts; without it the address, or the only one there is."""


class CodePictureQuery(PictureQuery, kw_only=True):
    """The size of a picture, and its text."""

    format: TextFormat = UNSET


class PosterQuery(LanguageQuery, kw_only=True):
    """The paper, the language and the text of a poster."""

    size: Literal["a6", "a4"] = "a6"
    format: TextFormat = UNSET


class StaticCodePictureRoutes:
    """The operations that draw static codes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        one = "/v1/static-codes/{id:str}"
        pictures = [
            Operation(
                name=f"getStaticCode{name}", method="GET", path=f"{one}/qr.{kind}",
                summary=summary, description="Of a code that is not revoked.",
                responses={200: MEDIA_TYPES[kind], 304: None},
                problems=("not-found", "overloaded"), handler=partial(self.picture, kind=kind),
            )
            for kind, (name, summary) in SUMMARIES.items()
        ]  # fmt: skip
        posters = [
            Operation(
                name=f"getPoster{name}", method="GET", path=f"{one}/poster.{kind}",
                summary=summary, description="Of a code that is not revoked.",
                responses={200: POSTER_TYPES[kind], 304: None},
                problems=(
                    "not-found", "overloaded", *(["poster-font-missing"] if kind == "pdf" else []),
                ),
                handler=partial(self.poster, kind=kind),
            )
            for kind, (name, summary) in POSTER_SUMMARIES.items()
        ]  # fmt: skip
        return pictures + posters

    async def picture(
        self, call: Call, query: CodePictureQuery, id: StaticCodePathId, *, kind: PictureKind
    ) -> HttpResponse:
        """Draw the code."""
        text = _text(await self._active(id), none_if_unset(query.format))
        drawing = query.picture(kind, text)
        return await picture_response(call, drawing, MEDIA_TYPES[kind], _drawable, caching=CACHING)

    async def poster(
        self, call: Call, query: PosterQuery, id: StaticCodePathId, *, kind: PosterKind
    ) -> HttpResponse:
        """Draw the poster, in the language of the request."""
        code, config = await self._active(id), self._services.config
        language = language_for(call.request)
        texts = poster_texts(language)
        minor = code.terms.amount_minor
        amount = None if minor is None else Money(minor, code.terms.currency)
        drawing = Poster(
            kind=kind,
            size=query.size,
            text=_text(code, none_if_unset(query.format)),
            payee=code.merchant_name,
            label=code.label,
            amount=money.display(amount, language.locale) if amount else "",
            notice=texts.notice,
            host=urlsplit(config.public_url).netloc,
            test=texts.test if config.mode == "test" else "",
            language=language.tag,
        )
        response = await picture_response(
            call, drawing, POSTER_TYPES[kind], _drawable, caching=CACHING
        )
        headers = {**response.headers, "Vary": "Accept-Language"}
        if kind == "pdf":  # a browser shows no PDF in the sandbox of the other pictures
            name = f"{code.public_id}-{query.size}.pdf"
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers = headers
        return response

    async def _active(self, code_id: Any) -> StaticCode:
        """The code, unless it is revoked.

        Raises:
            NotFound: there is no such code, or it has been revoked.
        """
        get = self._services.reader.get
        current = await blocking.read(get, StaticCode, code_id, "static code")
        if current.state.revoked_at is not None:
            raise NotFound(thing="active static code")
        return current.state


async def _drawable() -> None:
    """The code has been read already."""


def _text(code: StaticCode, name: str | None) -> str:
    """The signed text that was asked for.

    Raises:
        NotFound: the code was made without this format.
    """
    name = name or ("url" if "url" in code.payloads else "emv")
    if name not in code.payloads:
        raise NotFound(thing="format of this code")
    return code.payloads[name]
