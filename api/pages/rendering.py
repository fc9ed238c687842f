"""Rendering templates: escaped by default, nothing from another host, nothing inline."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

from markupsafe import Markup

from api.context import ApiConfig
from api.http.accept import preferred
from api.http.messages import HttpRequest, HttpResponse
from api.pages.templating import to_html
from api.pages.texts import Language, choose

MEDIA_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HTML, JSON = "text/html", "application/json"
HASH_CHARS: Final = 16


@lru_cache
def static_file(name: str) -> bytes | None:
    """The content of a file of `api/static`; None if there is none of this name."""
    if name not in _static_names() or name.rpartition(".")[2] not in MEDIA_TYPES:
        return None
    return (resources.files("api") / "static" / name).read_bytes()


@lru_cache
def _static_names() -> frozenset[str]:
    """Names are checked against this set, as the file system raises on some of them."""
    static = resources.files("api") / "static"
    return frozenset(path.name for path in static.iterdir() if path.is_file())


@lru_cache
def edition() -> str:
    """A hash of all static files, and the folder in their address.

    Modules import each other by relative URL, so all come from one edition and can be cached for
    ever.
    """
    digest = hashlib.sha256()
    for path in sorted((resources.files("api") / "static").iterdir(), key=lambda path: path.name):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:HASH_CHARS]


def asset(name: str) -> str:
    """The address of a static file."""
    return f"/static/{edition()}/{name}"


@lru_cache
def integrity(name: str) -> str:
    """The file's hash for Subresource Integrity."""
    digest = hashlib.sha384(static_file(name) or b"").digest()
    return "sha384-" + base64.b64encode(digest).decode()


def wants_html(request: HttpRequest) -> bool:
    """Whether the request comes from a browser."""
    return preferred(request.header(b"accept"), (HTML, JSON)) == HTML


def language_for(request: HttpRequest) -> Language:
    """The language of a request: `?lang=`, else `Accept-Language`."""
    lang = dict(request.query).get("lang", "")
    return choose(lang, request.header(b"accept-language") or "")


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
    language: Language,
    *,
    data: Mapping[str, Any] | None = None,
    status_code: int = 200,
    **context: Any,
) -> HttpResponse:
    """A page.

    Args:
        template: its file name.
        config: for the page's Content-Security-Policy.
        language: of its texts.
        data: for the page's module, as JSON in a block that browsers do not run.
        status_code: the HTTP status.
        context: the other variables of the template.
    """
    # `<` must not end the block early. The rest is plain JSON in ASCII, which carries any text.
    block = json.dumps(data or {}).replace("<", "\\u003c")
    page = to_html(
        template,
        _=language.html,
        language=language,
        asset=asset,
        integrity=integrity,
        data=Markup(block),  # noqa: S704 - escaped above, and never run
        **context,
    )
    return HttpResponse(
        page.encode(),
        status_code=status_code,
        media_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": policy(config),
            "Cache-Control": "no-store",
            "Vary": "Accept, Accept-Language",
        },
    )
