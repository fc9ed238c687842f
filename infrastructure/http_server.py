"""The API's HTTP server: uvicorn in a task of our loop, with the limits of its protocol."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any, Final

import uvicorn

from api.http.connections import ConnectionTable
from api.http.messages import DefaultHeaders
from api.http.problems import to_bytes
from infrastructure.http_protocol import LimitedHttpProtocol

GRACE_SECONDS: Final = 5
BACKLOG: Final = 2048


@asynccontextmanager
async def serving(
    app: Any, listening: socket.socket, table: ConnectionTable, default_headers: DefaultHeaders
) -> AsyncIterator[None]:
    """Serve an ASGI application until left; answers what is in flight before it ends.

    Args:
        app: the application.
        listening: a bound socket; it is closed at the end.
        table: counts the connections, with their limits.
        default_headers: headers of refusals that the application never sees.
    """
    protocol: Any = partial(
        LimitedHttpProtocol, table, partial(to_bytes, default_headers=default_headers)
    )
    config = uvicorn.Config(
        app,
        http=protocol,
        access_log=False,
        log_config=None,
        ws="none",
        proxy_headers=False,  # who is behind a proxy is asked in one place: api/http/addresses.py
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
    """uvicorn without its own signal handlers: the program has one place for those."""

    def capture_signals(self) -> Any:
        return nullcontext()
