"""Compressed responses, for what is the same for everyone and holds no secret.

A body with a secret and with text that an attacker chooses reveals the secret by its compressed
length (BREACH), so responses of operations are never compressed. Static files, the documents for
people and the OpenAPI document are.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from typing import Final

from api.http.messages import HttpResponse

BYTES_MIN: Final = 512
"""Shorter bodies are sent as they are."""
VARY: Final = {"Vary": "Accept-Encoding"}
GZIP: Final = {**VARY, "Content-Encoding": "gzip"}
_GZIP: Final = re.compile(r"(?:^|,)\s*(?:x-)?gzip\s*(?:,|$)", re.IGNORECASE)
"""As browsers send it; a client that gives it a weight gets the plain body."""


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client takes compressed bodies, by its `Accept-Encoding`."""
    return _GZIP.search(accept_encoding) is not None


class Compressible:
    """A response that never changes, made and compressed when it is first asked for."""

    def __init__(self, make: Callable[[], HttpResponse]) -> None:
        self._make = make
        self._plain: HttpResponse | None = None
        self._compressed: HttpResponse | None = None

    def respond(self, accept_encoding: str) -> HttpResponse:
        """The response for a client that sends this `Accept-Encoding`. Call it in a thread."""
        if self._plain is None:
            made = self._make()
            made.headers = {**made.headers, **VARY}
            self._plain = made
        plain = self._plain
        if len(plain.body) < BYTES_MIN or not accepts_gzip(accept_encoding):
            return plain
        if self._compressed is None:
            self._compressed = HttpResponse(
                gzip.compress(plain.body, mtime=0),
                media_type=plain.media_type,
                headers={**plain.headers, **GZIP},
            )
        return self._compressed
