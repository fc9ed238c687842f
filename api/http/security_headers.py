"""The security headers of every response, on every port."""

from __future__ import annotations

from typing import Final

from api.http.messages import DefaultHeaders

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


def security_headers(*, secure: bool) -> DefaultHeaders:
    """The security headers; `secure` adds HSTS, for a public URL with https."""
    hsts = {"Strict-Transport-Security": "max-age=31536000"} if secure else {}
    return DefaultHeaders(data=DATA_HEADERS | hsts, documents=DOCUMENT_HEADERS | hsts)
