"""An HTTP port of its own with small limits, an ASGI application behind it, and raw clients."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import uvloop

from api.http.connections import ConnectionLimits, ConnectionTable
from api.http.refusals import Refusals
from api.http.security_headers import DATA_HEADERS, security_headers
from infrastructure.http_server import serving

LONG = 60.0
"""A limit in seconds that no test reaches."""
NEVER = {
    "first_byte_seconds": LONG,
    "headers_seconds": LONG,
    "body_seconds": LONG,
    "idle_seconds": LONG,
    "write_seconds": LONG,
    "linger_seconds": LONG,
}


class Application:
    """Responds with its path; `/hold` waits, `/huge` is large, `/early` does not read the body."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        self.disconnects = 0
        self.release = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        self.paths.append(scope["path"])
        body = b""
        more = scope["method"] == "POST" and scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                return
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        if scope["path"] == "/hold":
            await self.release.wait()
        body_out = b"x" * 50_000_000 if scope["path"] == "/huge" else scope["path"].encode()
        length = str(len(body_out)).encode()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
        )
        await send({"type": "http.response.body", "body": body_out})
        self.trailers = dict(scope["headers"])

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


class HttpPort:
    """A server with small limits and raw clients."""

    def __init__(self, application: Application, table: ConnectionTable, port: int) -> None:
        self.application, self.table, self.port = application, table, port
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        writer.write(data)
        return reader, writer

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def request(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send a request and expect one response and the end of the connection."""
        reader, writer = await self.open(data)
        response = await read_response(reader)
        assert await reader.read() == b""
        writer.close()
        return response

    async def wait_for_connections(self, count: int) -> None:
        """Wait until the table has so many connections."""
        await until(lambda: len(self.table) == count)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


async def read_response(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        return int(status.split()[1]), headers, body


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Everything received until the connection ends, in whatever way."""
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            return await reader.read()
        return b""


def serve(scenario: Callable[[HttpPort], Awaitable[None]], **limit_values: Any) -> None:
    """Run a scenario against a server with these limits, for at most 60 s."""

    async def run() -> None:
        limits = ConnectionLimits(**{"sweep_seconds": 0.02, **NEVER, **limit_values})
        table = ConnectionTable(limits)
        application = Application()
        listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        port = listening.getsockname()[1]
        refusals = Refusals(limits, security_headers(secure=False))
        async with serving(application, listening, table, refusals):
            clients = HttpPort(application, table, port)
            try:
                await scenario(clients)
            finally:
                application.release.set()
                clients.close()
        await until(lambda: not len(table))

    async def bounded() -> None:
        await asyncio.wait_for(run(), 60)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bounded())


def problem(response: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    """Status and code of a refusal, whose form is checked."""
    status, headers, body = response
    document = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert {k: headers[k.lower()] for k in DATA_HEADERS} == DATA_HEADERS
    assert document["status"] == status
    assert document["type"] == f"/problems/{document['code']}"
    return status, document["code"]


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def headers_of(count: int) -> bytes:
    return b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: v\r\n" % n for n in range(count)) + b"\r\n"


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> int:
    """Send until there is a response or 4 MB were sent; returns the bytes sent."""
    sent = 0
    while sent < 4_000_000 and not reader._buffer:  # type: ignore[attr-defined]
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0)
        sent += len(data)
    return sent


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(data)
            await asyncio.sleep(0.01)
