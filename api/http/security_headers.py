"""The headers that every answer of every port carries."""

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
"""On JSON. No browser makes a page of it, but should one try, it may load nothing."""
SHOWN_HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def security_headers(*, secure: bool) -> DefaultHeaders:
    """Them, with HSTS where the outside reaches us by https."""
    hsts = {"Strict-Transport-Security": "max-age=31536000"} if secure else {}
    return DefaultHeaders(data=DATA_HEADERS | hsts, shown=SHOWN_HEADERS | hsts)
