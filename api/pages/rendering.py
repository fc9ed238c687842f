"""Rendering templates: escaped by default, nothing from another host, nothing inline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from markupsafe import Markup

from api.context import ApiConfig
from api.http.messages import HttpRequest, HttpResponse
from api.pages.static_files import SCAN_PERMISSIONS, SCAN_SOURCES, asset, integrity
from api.pages.templating import to_html
from api.pages.texts import Language, choose


def language_for(request: HttpRequest) -> Language:
    """The language of a request: `?lang=`, else `Accept-Language`."""
    return choose(_lang(request), request.header(b"accept-language") or "")


def chosen_language(request: HttpRequest) -> str:
    """The tag of the language if the address names one, for links and forms; else empty."""
    return language_for(request).tag if _lang(request) else ""


def _lang(request: HttpRequest) -> str:
    try:
        return dict(request.query).get("lang", "")
    except ValueError:  # too many parameters, where any are allowed
        return ""


WORKER_POLICY: Final = "qrledger-worker"
"""The Trusted Types policy with which `worker.js` names the service worker's address."""


def policy(config: ApiConfig, *, scans: bool = False, worker: bool = False) -> str:
    """The Content-Security-Policy of a page: our files, our socket, no inline code.

    A page that scans may also compile WebAssembly. A page with a worker may register it, and have
    a manifest.
    """
    live = urlsplit(config.live_public_url)
    script, types, more = "script-src 'self'", "'none'", ""
    if scans:
        script = SCAN_SOURCES
    if worker:
        types = WORKER_POLICY
        more = " manifest-src 'self'; worker-src 'self';"
    return (
        f"default-src 'none'; {script}; style-src 'self'; img-src 'self' data:;{more} "
        f"connect-src 'self' {live.scheme}://{live.netloc}; base-uri 'none'; form-action 'self'; "
        f"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types {types}"
    )


def render(
    template: str,
    config: ApiConfig,
    language: Language,
    *,
    data: Mapping[str, Any] | None = None,
    status_code: int = 200,
    scans: bool = False,
    worker: bool = False,
    **context: Any,
) -> HttpResponse:
    """A page.

    Args:
        template: its file name.
        config: for the page's Content-Security-Policy.
        language: of its texts.
        data: for the page's module, as JSON in a block that browsers do not run.
        status_code: the HTTP status.
        scans: whether the page may open the camera.
        worker: whether the page may register the service worker.
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
            "Content-Security-Policy": policy(config, scans=scans, worker=worker),
            "Cache-Control": "no-store",
            "Vary": "Accept, Accept-Language",
            **({"Permissions-Policy": SCAN_PERMISSIONS} if scans else {}),
        },
    )
