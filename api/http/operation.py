"""Operations: the routes of the API, and the calls that their handlers receive.

The router serves an operation, the OpenAPI document describes it, and the reference page lists it.
What an operation reads from a request is declared once, by the parameters of its handler.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final, Protocol, get_args

from api import blocking
from api.context import Services
from api.http import fingerprints
from api.http.accept import HTML
from api.http.identity import CallerRole, Identity
from api.http.messages import HttpRequest, HttpResponse
from api.http.parsing import PathId
from application import request_context
from application.command import Command, Envelope, Outcome
from application.restriction import shown_result
from domain import ids

_PATH_PARAMETER = re.compile(r"\{(\w+):str\}")


PAGES: Final = frozenset({CallerRole.PAGE, CallerRole.CHECKOUT})
"""The callers that are pages in a browser."""


class Idempotency(StrEnum):
    """Whether an operation accepts an `Idempotency-Key`."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


Handler = Callable[..., Awaitable[HttpResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A route: its path, who may call it, what it reads, and what it returns.

    The handler's first parameter is the `Call`. A parameter `body` or `query` is the struct of its
    annotation; any other is the path parameter of its name, annotated with `str` or with a
    `PathId`. A parameter with a default value is not read from the request.

    Raises:
        TypeError: the handler has a parameter of another kind.
    """

    name: str
    method: str
    path: str
    summary: str
    description: str = ""
    callers: frozenset[CallerRole] = frozenset()
    """The roles that may call it; empty: anybody, without a key."""
    limited: bool = True
    """Whether it counts against the caller's rate limit; monitoring does not."""
    local_without_key: bool = False
    """Whether it requires no key from this machine."""
    responses: Mapping[int, Any] = field(default_factory=dict)
    """The status to the struct of the response, or a union of structs, to a media type
    (`image/svg+xml`), or to None."""
    page: bool = False
    """Whether a browser (`Accept: text/html`) gets a page instead."""
    media_types: tuple[str, ...] = ()
    """Other media types of the response, for callers that name them in `Accept`."""
    download: str = ""
    """Another media type of the response, if the query asks for it."""
    problems: tuple[str, ...] = ()
    """The error codes of its own, beyond those of every operation."""
    idempotency: Idempotency = Idempotency.NONE
    handler: Handler
    aliases: tuple[str, ...] = ()
    shared: bool = False
    """Whether pages of other origins may use it without a token, where the settings allow any."""
    any_query: bool = False
    """Whether parameters of the query are ignored: others add their own to the address."""
    raw_bytes_max: int = 0
    """If set, the handler reads the body itself, as it came and with this limit."""
    body: type[Any] | None = field(init=False)
    query: type[Any] | None = field(init=False)
    path_ids: tuple[tuple[str, str], ...] = field(init=False)
    """Name and TypeID prefix of the path parameters; the prefix is empty for plain text."""

    def __post_init__(self) -> None:
        """Read what the operation takes from its handler."""
        signature = inspect.signature(self.handler, eval_str=True)
        read = [p for p in signature.parameters.values() if p.default is p.empty][1:]
        types = {parameter.name: parameter.annotation for parameter in read}
        object.__setattr__(self, "body", types.pop("body", None))
        object.__setattr__(self, "query", types.pop("query", None))
        path_ids = tuple((name, self._prefix(name, kind)) for name, kind in types.items())
        object.__setattr__(self, "path_ids", path_ids)

    @property
    def shows_pages(self) -> bool:
        """Whether a browser gets a page, always or where it asks for one."""
        return self.page or HTML in self.responses.values()

    @property
    def cross_origin(self) -> bool:
        """Whether pages of other origins may use it, with a token if it takes one."""
        return self.shared or not PAGES.isdisjoint(self.callers)

    def _prefix(self, name: str, kind: Any) -> str:
        """The TypeID prefix of a path parameter; empty for plain text."""
        prefixes = [item.prefix for item in get_args(kind) if isinstance(item, PathId)]
        if name not in _PATH_PARAMETER.findall(self.path) or not (prefixes or kind is str):
            msg = f"{self.name}: {name} is not a path parameter of {self.path}"
            raise TypeError(msg)
        return prefixes[0] if prefixes else ""


class Routes(Protocol):
    """A class of related operations, with their handlers as methods."""

    def operations(self) -> list[Operation]:
        """The operations, in the order of the document."""
        ...


@dataclass(slots=True, kw_only=True)
class Call:
    """One authenticated request, for the handler of its operation."""

    operation: Operation
    request: HttpRequest
    services: Services
    identity: Identity
    body: Any = None
    """The parsed body; the handler gets it as a parameter too."""
    key: str = ""
    """The `Idempotency-Key`; empty if there is none."""

    async def send(self, command: Command, *, keyed: bool = True) -> Outcome:
        """Send a command, under the caller's idempotency key if there is one.

        The scope of the key is the holder, the method and the route: a retry may use another API
        key of the same holder.

        Args:
            command: to be sent.
            keyed: whether the key is for this command; a request has one such command at most.

        Raises:
            LedgerError: see `CommandDispatcher.send`.
        """
        fingerprint = b""
        request = (self.operation.method, self.request.path, self.body)
        if self.key and keyed:
            operation = self.operation
            scope = f"{operation.method} {operation.path}"
            command_id = ids.derive("idempotency", self.identity.holder, scope, self.key)
            fingerprint = fingerprints.of_request(*request)
        else:
            command_id = self.services.new_id()
        context = request_context.current()
        envelope = Envelope(
            command=command,
            command_id=command_id,
            actor=self.identity.actor,
            trace_id=(context.trace_id if context else "") or command_id.hex,
            fingerprint=fingerprint,
            older_fingerprints=partial(fingerprints.of_first_releases, *request),
        )
        outcome = await self.services.dispatcher.send(envelope)
        if outcome.replayed:
            return await blocking.read(self.services.reader.first_result, outcome)
        return shown_result(outcome)
