"""The headers of every response, on every port: security, the API's version, the request's id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.http.messages import DefaultHeaders
from api.http.request_ids import RequestIds

CSP: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
DATA_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""For JSON: a browser that displays it nevertheless must not load anything."""
DOCUMENT_HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


API_VERSION: Final = "2026-11-22"
"""Raised when a response changes in a way that a careful client can notice; there is one."""
VERSION: Final = "Qrledger-Version"


def security_headers(*, secure: bool, api_origin: str = "") -> DefaultHeaders:
    """The security headers, for other ports than the API's.

    Args:
        secure: adds HSTS, for a public URL with https.
        api_origin: where problems are documented.
    """
    return _headers(secure=secure, request_ids=RequestIds(api_origin))


def api_headers(public_url: str, seed: int | None = None) -> DefaultHeaders:
    """The headers of the API: with its version, and with problems' types at its address.

    Args:
        public_url: the origin of the API.
        seed: of the ids of requests; None: the system chooses.
    """
    ids = RequestIds(public_url, seed)
    secure = public_url.startswith("https://")
    return _headers(secure=secure, request_ids=ids, data={VERSION: API_VERSION})


def _headers(
    *, secure: bool, request_ids: RequestIds, data: Mapping[str, str] | None = None
) -> DefaultHeaders:
    hsts = {"Strict-Transport-Security": "max-age=31536000"} if secure else {}
    return DefaultHeaders(
        data=DATA_HEADERS | hsts | dict(data or {}),
        documents=DOCUMENT_HEADERS | hsts,
        request_ids=request_ids,
    )
