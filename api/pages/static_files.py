"""The files of `api/static` and of `api/static/vendor`: their addresses, hashes and headers."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from api.http.compression import BYTES_MIN, GZIP, VARY, accepts_gzip
from api.http.messages import HttpResponse
from api.http.problems import to_response
from api.pages.accents import colour_rules, parts_of
from application.errors import NotFound

MEDIA_TYPES: Final = {
    "css": "text/css",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript",
    "png": "image/png",
    "svg": "image/svg+xml",
    "wasm": "application/wasm",
}
VENDOR: Final = "vendor"
EXAMPLE: Final = "scan-example.html"
"""The only document among the static files; it opens the camera."""
SCAN_SOURCES: Final = "script-src 'self' 'wasm-unsafe-eval'"
"""WebAssembly may be compiled on pages that scan, and nowhere else (ADR 35)."""
SCAN_PERMISSIONS: Final = "camera=(self), geolocation=(), microphone=()"
HASH_CHARS: Final = 16
_FOREVER: Final = "public, max-age=31536000, immutable"
_FOREIGN: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Pages of other origins may import `scan.js`: the files are public and the same for everyone."""
_EXAMPLE_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; {SCAN_SOURCES}; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Permissions-Policy": SCAN_PERMISSIONS,
}


def respond(name: str, *, edition_named: str = "", accept_encoding: str = "") -> HttpResponse:
    """A file of `api/static`; immutable under the address of its edition.

    Texts are compressed once per process for clients that accept it.

    Args:
        name: the file's name.
        edition_named: the edition in the address; empty at the stable address.
        accept_encoding: the value of the header; empty if there is none.
    """
    data = static_file(name)
    if data is None:
        return to_response(NotFound(thing="address"))
    caching = _FOREVER if edition_named == edition() else "no-cache"
    if _extension(name) == "png" or len(data) < BYTES_MIN:
        return _response(name, data, caching)
    if accepts_gzip(accept_encoding):
        return _response(name, _compressed_static(name), caching, GZIP)
    return _response(name, data, caching, VARY)


def respond_vendored(package: str, name: str, *, accept_encoding: str = "") -> HttpResponse:
    """A vendored file; immutable, as the name of its folder states the version.

    Compressed once per process for clients that accept it: the WebAssembly then has 0.46 MB instead
    of 1.09. That takes about 0.1 s, so call it in a thread.
    """
    path = f"{package}/{name}"
    data = vendored_file(path)
    if data is None:
        return to_response(NotFound(thing="address"))
    coding = VARY
    if accepts_gzip(accept_encoding):
        data, coding = _compressed(path), GZIP
    return _response(name, data, _FOREVER, coding)


def _response(
    name: str, data: bytes, caching: str, coding: Mapping[str, str] | None = None
) -> HttpResponse:
    headers = {"Cache-Control": caching, **_FOREIGN, **(coding or {})}
    if name == EXAMPLE:
        headers |= _EXAMPLE_HEADERS
    return HttpResponse(data, media_type=MEDIA_TYPES[_extension(name)], headers=headers)


@lru_cache
def static_file(name: str) -> bytes | None:
    """The content of a file of `api/static`; None if there is none of this name.

    The style sheets of payers' pages have a name in every colour: `checkout-0b6b3f.css`.
    """
    sheet, colour = parts_of(name)
    if colour:
        return (static_file(sheet) or b"") + colour_rules(colour)
    if name not in _static_names() or _extension(name) not in MEDIA_TYPES:
        return None
    return (_static() / name).read_bytes()


@lru_cache
def vendored_file(path: str) -> bytes | None:
    """The content of a file of `api/static/vendor` by its path there; None if there is none."""
    file = _vendored().get(path)
    return file.read_bytes() if file else None


@lru_cache
def _compressed(path: str) -> bytes:
    return gzip.compress(vendored_file(path) or b"", mtime=0)


@lru_cache
def _compressed_static(name: str) -> bytes:
    return gzip.compress(static_file(name) or b"", mtime=0)


@lru_cache
def edition() -> str:
    """A hash of all static files, and the folder in their address.

    Modules import each other by relative URL, so all come from one edition and can be cached for
    ever. Vendored files are not part of it: their folders state their versions.
    """
    digest = hashlib.sha256()
    for name in sorted(_static_names()):
        digest.update(name.encode() + (_static() / name).read_bytes())
    return digest.hexdigest()[:HASH_CHARS]


def asset(name: str) -> str:
    """The address of a static file."""
    return f"/static/{edition()}/{name}"


@lru_cache
def integrity(name: str) -> str:
    """The file's hash for Subresource Integrity."""
    digest = hashlib.sha384(static_file(name) or b"").digest()
    return "sha384-" + base64.b64encode(digest).decode()


@lru_cache
def icon_in_page() -> str:
    """The icon as a `data:` URL, for a page that every payer loads first: a request less."""
    return "data:image/svg+xml;base64," + base64.b64encode(static_file("icon.svg") or b"").decode()


@lru_cache
def _static_names() -> frozenset[str]:
    """Names are checked against this set, as the file system raises on some of them."""
    return frozenset(path.name for path in _static().iterdir() if path.is_file())


@lru_cache
def _vendored() -> dict[str, Traversable]:
    return dict(_walk(_static() / VENDOR))


def _walk(vendor: Traversable) -> Iterator[tuple[str, Traversable]]:
    for package in vendor.iterdir():
        if package.is_dir():
            for file in package.iterdir():
                if _extension(file.name) in MEDIA_TYPES:
                    yield f"{package.name}/{file.name}", file


def _static() -> Traversable:
    return resources.files("api") / "static"


def _extension(name: str) -> str:
    return name.rpartition(".")[2]
