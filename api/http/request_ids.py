"""The id of every request: the caller's own if it is sane, otherwise a new one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from random import Random
from typing import Final

from application.request_context import RequestContext

ID_BITS: Final = 96
_READ: Final = frozenset({b"x-request-id", b"traceparent"})
_SANE: Final = re.compile(rb"[0-9A-Za-z][0-9A-Za-z._:/+=-]{0,127}")
"""An id that every log, header and document can hold as it is."""


class RequestIds:
    """Reads or makes the ids of requests."""

    def __init__(self, origin: str = "", seed: int | None = None) -> None:
        """Ids of one port.

        Args:
            origin: of the API, for addresses in problem documents.
            seed: of the ids, which need not be secret; None: the system chooses.
        """
        self._origin = origin
        self._bits = Random(seed).getrandbits  # noqa: S311 - not a secret

    def new(self, *, named: bytes = b"", traceparent: bytes = b"") -> RequestContext:
        """The context of a request.

        Args:
            named: the value of its `X-Request-Id`; empty if there is none.
            traceparent: the value of its `traceparent`; empty if there is none.
        """
        if named and _SANE.fullmatch(named):
            request_id = named.decode("ascii")
        else:
            request_id = f"req_{self._bits(ID_BITS):024x}"
        text = traceparent.decode("latin-1")
        return RequestContext(request_id, traceparent=text, origin=self._origin)

    def of(self, headers: Iterable[tuple[bytes, bytes]]) -> RequestContext:
        """The context of a request with these headers; a repeated one counts as none."""
        found: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in _READ:
                found[name] = b"" if name in found else value
        return self.new(
            named=found.get(b"x-request-id", b""), traceparent=found.get(b"traceparent", b"")
        )
