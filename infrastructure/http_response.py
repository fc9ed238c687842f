"""Complete responses with one write, as an extension of ASGI.

uvicorn takes a response in two parts, writes each by itself, and checks every header with two
regular expressions. Most headers are the same in every response: here a header that was found valid
is remembered as the line to write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

COMPLETE_RESPONSE: Final = "qrledger.complete_response"
"""The extension's name in the scope. Its value takes the arguments of `send_complete` after the
first."""
LINES_MAX: Final = 512
"""Cached header lines."""
_NAME: Final = re.compile(rb"[0-9a-z!#$%&'*+.^_`|~-]+")
_INVALID_IN_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


async def send_complete(
    cycle: RequestResponseCycle, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> None:
    """Send a complete response; does nothing if the client is gone.

    Args:
        cycle: uvicorn's state of the request, which must not be a HEAD request.
        status: the HTTP status.
        headers: names in lower case, and values; no `connection` or `transfer-encoding`.
        body: as many bytes as `content-length` says.

    Raises:
        ValueError: a header is not valid; nothing was sent.
    """
    if cycle.flow.write_paused and not cycle.disconnected:
        await cycle.flow.drain()
    if cycle.disconnected:
        return
    lines = [_line(*header) for header in (*cycle.default_headers, *headers)]
    closing = b"" if cycle.keep_alive else b"connection: close\r\n"
    cycle.transport.write(b"".join((STATUS_LINE[status], *lines, closing, b"\r\n", body)))
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


@lru_cache(LINES_MAX)
def _line(name: bytes, value: bytes) -> bytes:
    if not _NAME.fullmatch(name) or _INVALID_IN_VALUE.search(value):
        msg = f"not a valid header: {name!r}"
        raise ValueError(msg)
    return b"%b: %b\r\n" % (name, value)
