"""The HTTP server of the API: uvicorn as a task of the running event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any, Final

import uvicorn

from infrastructure.http_limits import Refusals, Table
from infrastructure.http_protocol import LimitedHttpProtocol

GRACE_SECONDS: Final = 5
"""How long requests in flight may take after the server was told to stop."""
BACKLOG: Final = 2048


class PortInUse(Exception):
    """The port cannot be used; the message names the setting to change."""


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """A bound socket for the server.

    Args:
        host: an address or a name; empty for all addresses.
        port: the port.
        setting: the variable that the error message names.

    Raises:
        PortInUse: the port cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise port_in_use(host, port, error, setting=setting) from error


def port_in_use(host: str, port: int, error: OSError, *, setting: str) -> PortInUse:
    """The error for a port that cannot be bound."""
    msg = f"cannot listen on {host}:{port} ({error.strerror}): free the port, or set {setting}"
    return PortInUse(msg)


@asynccontextmanager
async def serving(
    app: Any, listening: socket.socket, table: Table, refusals: Refusals
) -> AsyncIterator[None]:
    """Serve an ASGI application within the context; on exit, complete the requests in flight.

    Args:
        app: the application.
        listening: a bound socket; closed on exit.
        table: the connections of the port and their limits.
        refusals: responses to requests that the application never receives.
    """
    protocol: Any = partial(LimitedHttpProtocol, table, refusals)
    config = uvicorn.Config(
        app,
        http=protocol,
        access_log=False,
        log_config=None,
        ws="none",
        proxy_headers=False,  # api/http/addresses.py alone reads X-Forwarded-For
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    sweep = asyncio.create_task(table.sweep(asyncio.get_running_loop().time))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task
        sweep.cancel()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the program handles signals itself."""

    def capture_signals(self) -> Any:
        return nullcontext()
