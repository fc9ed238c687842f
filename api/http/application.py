"""The ASGI application: operations are served directly, everything else through Litestar."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.http.operation import Operation
from api.http.request_ids import RequestIds
from application import request_context

_PARAMETER: Final = re.compile(r"\{(\w+):str\}")
_PLAIN_HOST: Final = re.compile(rb"[0-9A-Za-z.:\[\]-]*")
"""A part of what Litestar accepts; it judges every other `Host`."""


class Application:
    """Serves operations directly, and everything else through Litestar.

    A request is served directly if its path is spelled exactly as its operation's. Litestar serves
    all others: documents, unknown paths, other methods, trailing or double slashes, unusual hosts.
    It has the same operations and the same functions that serve them, so no response depends on
    the way that a request takes.
    """

    def __init__(
        self,
        litestar: Litestar,
        served: Iterable[tuple[Operation, ASGIApp]],
        request_ids: RequestIds,
    ) -> None:
        self.litestar = litestar
        self.request_ids = request_ids
        self._paths = PathTree()
        for operation, serve in served:
            for path in (operation.path, *operation.aliases):
                self._paths.add(operation.method, path, serve)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; start and stop with the server."""
        if scope["type"] != ScopeType.HTTP:
            await self.litestar(scope, receive, send)
            return
        serve: ASGIApp = self.litestar
        headers = scope["headers"]
        if _has_plain_host(headers):
            found = self._paths.find(scope["method"], scope["path"])
            if found is not None:
                serve, scope["path_params"] = found
        context = self.request_ids.of(headers)
        token = request_context.enter(context)
        try:
            await serve(scope, receive, send)
        finally:
            context.done = True
            request_context.leave(token)


@dataclass(slots=True)
class _Node:
    """The paths that begin with the same segments."""

    literals: dict[str, _Node] = field(default_factory=dict)
    """The longer paths by their next segment."""
    parameter: _Node | None = None
    """The longer paths whose next segment is a parameter."""
    ends: dict[str, tuple[ASGIApp, tuple[str, ...]]] = field(default_factory=dict)
    """By method: what serves the path that ends here, and the names of its parameters."""


class PathTree:
    """Finds what serves a method and a path, segment by segment.

    Like Litestar, it prefers a literal segment to a parameter and never goes back to try the other.
    """

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, method: str, path: str, serve: ASGIApp) -> None:
        """Add a path such as `/v1/wallets/{id:str}`."""
        node, names = self._root, []
        for segment in path.split("/"):
            parameter = _PARAMETER.fullmatch(segment)
            if parameter is None:
                node = node.literals.setdefault(segment, _Node())
            else:
                names.append(parameter[1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
        node.ends[method] = (serve, tuple(names))
        if method == "GET":
            node.ends["HEAD"] = node.ends[method]

    def find(self, method: str, path: str) -> tuple[ASGIApp, dict[str, str]] | None:
        """What serves a request, and the parameters of its path; None if the path is not here."""
        node, values = self._root, []
        for segment in path.split("/"):
            if segment in node.literals:
                node = node.literals[segment]
            elif segment and node.parameter is not None:
                node = node.parameter
                values.append(segment)
            else:
                return None
        if method not in node.ends:
            return None
        serve, names = node.ends[method]
        return serve, dict(zip(names, values, strict=True))


def _has_plain_host(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    for name, value in headers:
        if name == b"host":
            return _PLAIN_HOST.fullmatch(value) is not None
    return True
