"""The API's port over real sockets: every limit before and around the body, injected small."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import uvloop

from api.http.connections import (
    BODY_SECONDS,
    CONNECTIONS_PER_ADDRESS_MAX,
    FIRST_BYTE_SECONDS,
    HEADERS_BYTES_MAX,
    HEADERS_MAX,
    HEADERS_SECONDS,
    IDLE_SECONDS,
    LINGER_SECONDS,
    PIPELINED_MAX,
    URL_BYTES_MAX,
    WRITE_SECONDS,
    ConnectionLimits,
    ConnectionTable,
)
from api.http.refusals import Refusals
from api.http.security_headers import DATA_HEADERS, security_headers
from infrastructure.http_server import serving

LONG = 60.0
"""Seconds of a limit that a test never waits for."""
NEVER = {
    "first_byte_seconds": LONG,
    "headers_seconds": LONG,
    "body_seconds": LONG,
    "idle_seconds": LONG,
    "write_seconds": LONG,
    "linger_seconds": LONG,
}


class Application:
    """Answers at once, unless the address says otherwise; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        self.gone = 0
        self.held = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        self.asked.append(scope["path"])
        body = b""
        more = scope["method"] == "POST" and scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        if scope["path"] == "/hold":
            await self.held.wait()
        answer = b"x" * 50_000_000 if scope["path"] == "/huge" else scope["path"].encode()
        length = str(len(answer)).encode()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
        )
        await send({"type": "http.response.body", "body": answer})
        self.trailers = dict(scope["headers"])

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


class Port:
    """A server with small limits, and raw clients."""

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

    async def ask(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        """One answer, then the end of the connection."""
        reader, writer = await self.open(data)
        answer = await answered(reader)
        assert await reader.read() == b""
        writer.close()
        return answer

    async def held(self, count: int) -> None:
        """Until so many connections are counted."""
        await until(lambda: len(self.table) == count)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def answered(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        return int(status.split()[1]), headers, body


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection ends, however it ends."""
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            return await reader.read()
        return b""


def play(story: Callable[[Port], Awaitable[None]], **facts: Any) -> None:
    async def run() -> None:
        limits = ConnectionLimits(**{"sweep_seconds": 0.02, **NEVER, **facts})
        table = ConnectionTable(limits)
        application = Application()
        listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        port = listening.getsockname()[1]
        refusals = Refusals(limits, security_headers(secure=False))
        async with serving(application, listening, table, refusals):
            clients = Port(application, table, port)
            try:
                await story(clients)
            finally:
                application.held.set()
                clients.close()
        await until(lambda: not len(table))

    async def bounded() -> None:
        await asyncio.wait_for(run(), 60)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bounded())


def problem(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    """Status and code of a refusal; it must look like every other."""
    status, headers, body = answer
    told = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert {k: headers[k.lower()] for k in DATA_HEADERS} == DATA_HEADERS
    assert told["status"] == status
    assert told["type"] == f"/problems/{told['code']}"
    return status, told["code"]


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def test_the_limits_are_the_promised_ones() -> None:
    limits = ConnectionLimits()

    assert (limits.headers, limits.headers_bytes, limits.url_bytes) == (100, 16_384, 8192)
    assert (limits.first_byte_seconds, limits.headers_seconds) == (10, 10)
    assert (limits.body_seconds, limits.idle_seconds, limits.per_address) == (30, 75, 256)
    assert (HEADERS_MAX, HEADERS_BYTES_MAX, URL_BYTES_MAX) == (100, 16_384, 8192)
    assert (FIRST_BYTE_SECONDS, HEADERS_SECONDS, BODY_SECONDS, IDLE_SECONDS) == (10, 10, 30, 75)
    assert (CONNECTIONS_PER_ADDRESS_MAX, PIPELINED_MAX) == (256, 16)
    assert (WRITE_SECONDS, LINGER_SECONDS) == (30, 2)


def headers_of(count: int) -> bytes:
    return b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: v\r\n" % n for n in range(count)) + b"\r\n"


def header_bytes_of(size: int) -> bytes:
    """Two headers that make `size` bytes with 4 for each."""
    rest = size - 8 - 2
    half = rest // 2
    return b"GET / HTTP/1.1\r\na: " + b"x" * half + b"\r\nb: " + b"x" * (rest - half) + b"\r\n\r\n"


@pytest.mark.parametrize("packet", [1 << 20, 1000, 700])
@pytest.mark.parametrize(
    ("most", "more", "code"),
    [
        (headers_of(100), headers_of(101), "headers-too-large"),
        (header_bytes_of(16_384), header_bytes_of(16_385), "headers-too-large"),
        (b"GET /" + b"u" * 8191 + b" HTTP/1.1\r\n\r\n", b"GET /" + b"u" * 8192 + b" HTTP/1.1\r\n\r\n", "uri-too-long"),
    ],
    ids=["count", "bytes", "url"],
)  # fmt: skip
def test_what_fits_is_served_and_one_more_is_refused(
    most: bytes, more: bytes, code: str, packet: int
) -> None:
    async def story(port: Port) -> None:
        async def send(data: bytes) -> tuple[int, dict[str, str], bytes]:
            reader, writer = await port.open()
            for start in range(0, len(data), packet):
                writer.write(data[start : start + packet])
                await writer.drain()
                await asyncio.sleep(0)
            answer = await answered(reader)
            writer.close()
            return answer

        assert (await send(most))[0] == 200
        refused = await send(more)

        assert problem(refused) == ({"uri-too-long": 414}.get(code, 431), code)
        assert len(port.application.asked) == 1

    play(story)


@pytest.mark.parametrize(
    ("start", "again", "code"),
    [
        (b"GET / HTTP/1.1\r\nA: ", b"x" * 1000, "headers-too-large"),
        (b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 10, "headers-too-large"),
        (b"GET / HTTP/1.1\r\n", b"a:" + b" " * 500 + b"b\r\n", "headers-too-large"),
        (b"GET /", b"x" * 1000, "uri-too-long"),
    ],
    ids=["one", "many", "padded", "url"],
)
def test_headers_without_an_end_are_refused_long_before_they_cost(
    start: bytes, again: bytes, code: str
) -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open(start)
        sent = await flood(reader, writer, again)

        assert problem(await answered(reader)) == ({"uri-too-long": 414}.get(code, 431), code)
        assert sent < 1_000_000
        writer.close()
        assert port.application.asked == []

    play(story)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> int:
    """Send until there is an answer, or 4 MB are gone; how many bytes it took."""
    sent = 0
    while sent < 4_000_000 and not reader._buffer:  # type: ignore[attr-defined]
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0)
        sent += len(data)
    return sent


def test_a_flood_after_the_refusal_is_cut() -> None:
    async def story(port: Port) -> None:
        _, writer = await port.open(b"GET / HTTP/1.1\r\nA: ")
        sent = 0
        with suppress(ConnectionError):
            while sent < 200_000_000:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536
        assert sent < 20_000_000
        await port.held(0)

    play(story, linger_bytes=100_000)


def test_a_silent_connection_is_closed_without_a_word() -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open()
        assert await ended(reader) == b""
        writer.close()

    play(story, first_byte_seconds=0.1)


def test_empty_lines_are_not_a_first_byte() -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open()
        dripping = asyncio.create_task(drip(writer, b"\r\n"))
        assert await ended(reader) == b""
        dripping.cancel()

    play(story, first_byte_seconds=0.2)


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(data)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("dripping", [b"", b"x"])
def test_half_a_request_line_or_header_is_408_however_it_drips(dripping: bytes) -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open(b"GET / HTTP/1.1\r\nHost: ")
        task = asyncio.create_task(drip(writer, dripping))
        assert problem(await answered(reader)) == (408, "request-timeout")
        assert await ended(reader) == b""
        task.cancel()
        assert port.application.asked == []

    play(story, headers_seconds=0.2)


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (POST + b"Content-Length: 1000\r\n\r\n", b"x"),
        (POST + b"Content-Length: 1000\r\n\r\n", b""),
        (CHUNKED, b"1\r\nx\r\n"),
        (CHUNKED, b""),
    ],
    ids=["slow", "never", "endless chunks", "no chunk"],
)
def test_a_body_that_does_not_end_in_time_is_408(head: bytes, more: bytes) -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open(head)
        task = asyncio.create_task(drip(writer, more))
        assert problem(await answered(reader)) == (408, "request-timeout")
        assert await ended(reader) == b""
        task.cancel()
        assert port.application.gone == 1
        assert port.application.bodies == []

    play(story, body_seconds=0.3)


@pytest.mark.parametrize(
    ("first", "again", "status"),
    [
        (b"", b"1;" + b"e" * 1000 + b"\r\nx\r\n", 413),
        (b"1;", b"e" * 1000, 413),
        (b"", b"1\r\nx\r\n" * 100, 413),
        (b"0\r\n", b"t: v\r\n", 431),
        (b"0\r\nt: ", b"v" * 1000, 413),
    ],
    ids=["extensions", "one extension", "tiny chunks", "trailers", "one trailer"],
)
def test_what_surrounds_a_body_is_bounded(first: bytes, again: bytes, status: int) -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open(CHUNKED + first)
        await flood(reader, writer, again)
        assert problem(await answered(reader))[0] == status
        writer.close()
        assert port.application.bodies == []

    play(story, body_wire_bytes=50_000)


def test_trailers_do_not_become_headers() -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open(
            CHUNKED + b"3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
        )
        assert (await answered(reader))[0] == 200
        await until(lambda: hasattr(port.application, "trailers"))
        assert port.application.bodies == [b"abc"]
        assert b"authorization" not in port.application.trailers
        writer.close()

    play(story)


def test_a_body_that_goes_on_after_its_answer_is_cut() -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open(
            b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
        )
        assert (await answered(reader))[0] == 200
        task = asyncio.create_task(drip(writer, b"x" * 100))
        assert await ended(reader) == b""
        task.cancel()

    play(story, body_seconds=0.2, linger_seconds=0.1)


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
        CHUNKED + b"fffffffffffffffff1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        GET + b"no colon\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_as_a_problem(request_: bytes) -> None:
    async def story(port: Port) -> None:
        assert problem(await port.ask(request_)) == (400, "invalid-request")
        assert port.application.bodies == []

    play(story, linger_seconds=0.1)


def test_an_upgrade_is_not_made_and_the_connection_ends_after_the_answer() -> None:
    async def story(port: Port) -> None:
        status, headers, _ = await port.ask(GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert (status, headers["connection"]) == (200, "close")

    play(story)


def test_a_connection_between_requests_is_kept_and_then_closed() -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open()
        for _ in range(3):
            writer.write(GET + b"\r\n")
            assert (await answered(reader))[0] == 200
        assert await ended(reader) == b""
        writer.close()

    play(story, idle_seconds=0.2)


def test_pipelined_requests_are_answered_in_order_and_only_so_many() -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open(b"GET /hold HTTP/1.1\r\n\r\n")
        await until(lambda: port.application.asked == ["/hold"])
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % n for n in range(5)))
        port.application.held.set()
        told = [(await answered(reader))[2] for _ in range(6)]
        assert told == [b"/hold", b"/0", b"/1", b"/2", b"/3", b"/4"]

        port.application.held.clear()
        writer.write(b"GET /hold HTTP/1.1\r\n\r\n" + b"GET / HTTP/1.1\r\n\r\n" * 10_000)
        await until(lambda: port.application.asked[-1] == "/hold")
        port.application.held.set()
        told = [(await answered(reader))[2] for _ in range(9)]
        assert told == [b"/hold", *[b"/"] * 8]
        assert problem(await answered(reader)) == (503, "overloaded")
        writer.close()
        assert len(port.application.asked) == 6 + 9

    play(story, pipelined=8)


def test_a_refusal_waits_for_the_answers_before_it() -> None:
    async def story(port: Port) -> None:
        reader, writer = await port.open(b"GET /hold HTTP/1.1\r\n\r\n" + headers_of(101))
        await until(lambda: port.application.asked == ["/hold"])
        port.application.held.set()
        assert (await answered(reader))[2] == b"/hold"
        assert problem(await answered(reader)) == (431, "headers-too-large")
        assert await ended(reader) == b""
        writer.close()

    play(story)


def test_a_client_that_never_reads_its_answer_is_cut() -> None:
    async def story(port: Port) -> None:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", port.port))
        raw.sendall(b"GET /huge HTTP/1.1\r\n\r\n")
        await until(lambda: port.application.asked == ["/huge"])
        await port.held(1)
        await port.held(0)
        raw.close()

    play(story, write_seconds=0.2)


def test_when_an_address_is_full_the_longest_idle_goes() -> None:
    async def story(port: Port) -> None:
        working, _ = await port.open(b"GET /hold HTTP/1.1\r\n\r\n")
        await until(lambda: port.application.asked == ["/hold"])
        silent = [(await port.open())[0] for _ in range(3)]
        await port.held(4)
        status = (await port.open(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"))[0]
        assert (await answered(status))[0] == 200
        assert await ended(silent[0]) == b""
        assert not silent[1].at_eof()
        port.application.held.set()
        assert (await answered(working))[2] == b"/hold"

    play(story, per_address=4)


def test_a_dripping_head_is_older_than_an_answer_just_given() -> None:
    async def story(port: Port) -> None:
        half, dripper = await port.open(b"GET / HTTP/1.1\r\nHost: ")
        await port.held(1)
        kept, writer = await port.open(GET + b"\r\n")
        await answered(kept)
        dripper.write(b"x")
        await port.held(2)
        await port.open()
        assert await ended(half) == b""
        writer.write(GET + b"\r\n")
        assert (await answered(kept))[0] == 200

    play(story, total=2)


def test_one_more_is_turned_away_when_all_are_worked_on() -> None:
    async def story(port: Port) -> None:
        held = [(await port.open(b"GET /hold HTTP/1.1\r\n\r\n"))[0] for _ in range(2)]
        await until(lambda: len(port.application.asked) == 2)
        late, _ = await port.open(GET + b"\r\n")
        assert await ended(late) == b""
        port.application.held.set()
        assert [(await answered(one))[0] for one in held] == [200, 200]

    play(story, total=2)


def test_health_checks_get_in_while_half_requests_fill_the_port() -> None:
    async def story(port: Port) -> None:
        with half_requests(port.port, 300):
            for _ in range(10):
                reader, writer = await port.open(b"GET /healthz HTTP/1.1\r\n\r\n")
                assert (await answered(reader))[0] == 200
                writer.close()
            assert len(port.table) <= 32

    play(story, total=32)


@contextmanager
def half_requests(port: int, count: int) -> Iterator[None]:
    held = []
    for _ in range(count):
        raw = socket.socket()
        raw.setblocking(False)
        with suppress(BlockingIOError):
            raw.connect(("127.0.0.1", port))
        held.append(raw)
    for raw in held:
        with suppress(OSError):
            raw.send(b"GET / HTTP/1.1\r\nHost: ")
    try:
        yield
    finally:
        for raw in held:
            raw.close()


def test_a_port_outlives_a_process_without_descriptors() -> None:
    async def story(port: Port) -> None:
        clients = [socket.socket() for _ in range(3)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        hoard = [os.open(os.devnull, os.O_RDONLY)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hoard[0] + 32, hard))
        try:
            with suppress(OSError):
                while True:
                    hoard.append(os.open(os.devnull, os.O_RDONLY))
            for client in clients[:2]:
                client.setblocking(False)
                with suppress(BlockingIOError):
                    client.connect(("127.0.0.1", port.port))
            await until(lambda: all(_ended(client) for client in clients[:2]))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for descriptor in hoard:
                os.close(descriptor)
            for client in clients:
                client.close()
        status = (await port.open(b"GET /healthz HTTP/1.1\r\n\r\n"))[0]
        assert (await answered(status))[0] == 200

    play(story)


def _ended(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
