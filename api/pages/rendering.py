"""Turning templates into answers: escaped by default, nothing from another host, nothing inline."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from api.context import ApiConfig
from api.http.messages import HttpRequest, HttpResponse
from api.pages.texts import Texts, choose
from domain import text

MEDIA_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HASH_CHARS: Final = 16


def _finalize(value: object) -> object:
    """What a page shows of a value: HTML has no control characters."""
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return text.replace_unacceptable(str(value)) if plain else value


_environment = Environment(
    loader=PackageLoader("api"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    finalize=_finalize,
)


@lru_cache
def static_file(name: str) -> bytes | None:
    """A file of `api/static`, by its plain name; None if there is none."""
    if name not in _static_names() or name.rpartition(".")[2] not in MEDIA_TYPES:
        return None
    return (resources.files("api") / "static" / name).read_bytes()


@lru_cache
def _static_names() -> frozenset[str]:
    """What there is: a name is looked up here, never in the file system, which refuses some."""
    static = resources.files("api") / "static"
    return frozenset(path.name for path in static.iterdir() if path.is_file())


@lru_cache
def edition() -> str:
    """A hash over every static file, and the folder they are served from.

    Modules import each other by relative paths: so all are of one edition, and may be kept.
    """
    digest = hashlib.sha256()
    for path in sorted((resources.files("api") / "static").iterdir(), key=lambda one: one.name):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:HASH_CHARS]


def asset(name: str) -> str:
    """The address of a static file."""
    return f"/static/{edition()}/{name}"


@lru_cache
def integrity(name: str) -> str:
    """The file's hash as Subresource Integrity writes it."""
    digest = hashlib.sha384(static_file(name) or b"").digest()
    return "sha384-" + base64.b64encode(digest).decode()


def wants_html(request: HttpRequest) -> bool:
    """Whether a browser is asking."""
    return "text/html" in request.headers.get("accept", "")


def texts_for(request: HttpRequest) -> Texts:
    """The language of a request."""
    lang = dict(request.query).get("lang", "")
    return choose(lang, request.headers.get("accept-language", ""))


def policy(config: ApiConfig) -> str:
    """The Content-Security-Policy of every page: our files, our socket, no inline code."""
    live = urlsplit(config.live_public_url)
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {live.scheme}://{live.netloc}; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def render(
    template: str,
    config: ApiConfig,
    texts: Texts,
    *,
    data: Mapping[str, Any] | None = None,
    status: int = 200,
    **facts: Any,
) -> HttpResponse:
    """A page.

    Args:
        template: its file name.
        config: for the policy of the page.
        texts: the language's texts.
        data: what the page's module reads, as JSON in a block that no browser runs.
        status: the HTTP status.
        facts: what the template shows.
    """
    # `<` must not end the block early; the rest is plain JSON in ASCII, which carries any text.
    block = json.dumps(data or {}).replace("<", "\\u003c")
    page = _environment.get_template(template).render(
        t=texts,
        asset=asset,
        integrity=integrity,
        data=Markup(block),  # noqa: S704 - escaped above, and never run
        **facts,
    )
    return HttpResponse(
        page.encode(),
        status_code=status,
        media_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": policy(config),
            "Cache-Control": "no-store",
            "Vary": "Accept, Accept-Language",
        },
    )
