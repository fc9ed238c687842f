"""What is known of the request that is being served: for its response, problems and log lines.

It is a variable of the context: what runs for a request in its task or in a thread on its behalf
sees it, and nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final

Pairs = Sequence[tuple[bytes, bytes]]

_TRACEPARENT: Final = re.compile(
    "(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
"""W3C Trace Context, 3.2.2; a trace id or parent id of zeros only is not valid."""


class RequestContext:
    """One request, or one attempt to send one."""

    __slots__ = ("done", "headers", "origin", "quota", "request_id", "traceparent")

    def __init__(self, request_id: str, *, traceparent: str = "", origin: str = "") -> None:
        self.request_id = request_id
        self.traceparent = traceparent
        """As it was sent; empty if there is none."""
        self.origin = origin
        """Of the API, for addresses in problem documents."""
        self.headers: Pairs = ((b"request-id", request_id.encode("ascii")),)
        """What every response to it states."""
        self.quota: Pairs = ()
        """What is left of the caller's rate limit, as headers."""
        self.done = False
        """Whether it has been answered; what it has left running may go on."""

    @property
    def trace_id(self) -> str:
        """The trace that the caller continues; empty if there is none."""
        match = _TRACEPARENT.fullmatch(self.traceparent)
        return match[1] if match else ""


_current: Final[ContextVar[RequestContext | None]] = ContextVar("request", default=None)

current = _current.get
"""The request that is being served; None outside of requests."""
enter = _current.set
leave = _current.reset
