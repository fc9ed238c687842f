"""The limits of the HTTP server in bytes and numbers, and malformed requests, over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

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
)
from tests.support.http_port import (
    CHUNKED,
    GET,
    POST,
    HttpPort,
    flood,
    headers_of,
    problem,
    read_response,
    serve,
    until,
)


def test_the_limits_have_their_documented_values() -> None:
    limits = ConnectionLimits()

    assert (limits.headers, limits.headers_bytes, limits.url_bytes) == (100, 16_384, 8192)
    assert (limits.first_byte_seconds, limits.headers_seconds) == (10, 10)
    assert (limits.body_seconds, limits.idle_seconds, limits.per_address) == (30, 75, 256)
    assert (HEADERS_MAX, HEADERS_BYTES_MAX, URL_BYTES_MAX) == (100, 16_384, 8192)
    assert (FIRST_BYTE_SECONDS, HEADERS_SECONDS, BODY_SECONDS, IDLE_SECONDS) == (10, 10, 30, 75)
    assert (CONNECTIONS_PER_ADDRESS_MAX, PIPELINED_MAX) == (256, 16)
    assert (WRITE_SECONDS, LINGER_SECONDS) == (30, 2)


def header_bytes_of(size: int) -> bytes:
    """Two headers of `size` bytes in total, counting 4 bytes for the separators of each."""
    rest = size - 8 - 2
    half = rest // 2
    return b"GET / HTTP/1.1\r\na: " + b"x" * half + b"\r\nb: " + b"x" * (rest - half) + b"\r\n\r\n"


@pytest.mark.parametrize("packet", [1 << 20, 1000, 700])
@pytest.mark.parametrize(
    ("at_limit", "above_limit", "code"),
    [
        (headers_of(100), headers_of(101), "headers-too-large"),
        (header_bytes_of(16_384), header_bytes_of(16_385), "headers-too-large"),
        (b"GET /" + b"u" * 8191 + b" HTTP/1.1\r\n\r\n", b"GET /" + b"u" * 8192 + b" HTTP/1.1\r\n\r\n", "uri-too-long"),
    ],
    ids=["count", "bytes", "url"],
)  # fmt: skip
def test_a_request_at_a_limit_is_served_and_one_above_it_is_refused(
    at_limit: bytes, above_limit: bytes, code: str, packet: int
) -> None:
    async def scenario(port: HttpPort) -> None:
        async def send(data: bytes) -> tuple[int, dict[str, str], bytes]:
            reader, writer = await port.open()
            for start in range(0, len(data), packet):
                writer.write(data[start : start + packet])
                await writer.drain()
                await asyncio.sleep(0)
            response = await read_response(reader)
            writer.close()
            return response

        assert (await send(at_limit))[0] == 200
        refused = await send(above_limit)

        assert problem(refused) == ({"uri-too-long": 414}.get(code, 431), code)
        assert len(port.application.paths) == 1

    serve(scenario)


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
def test_endless_headers_are_refused_early(start: bytes, again: bytes, code: str) -> None:
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open(start)
        sent = await flood(reader, writer, again)

        assert problem(await read_response(reader)) == ({"uri-too-long": 414}.get(code, 431), code)
        assert sent < 1_000_000
        writer.close()
        assert port.application.paths == []

    serve(scenario)


def test_a_client_that_keeps_sending_after_a_refusal_is_disconnected() -> None:
    async def scenario(port: HttpPort) -> None:
        _, writer = await port.open(b"GET / HTTP/1.1\r\nA: ")
        sent = 0
        with suppress(ConnectionError):
            while sent < 200_000_000:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536
        assert sent < 20_000_000
        await port.wait_for_connections(0)

    serve(scenario, linger_bytes=100_000)


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
def test_chunk_extensions_tiny_chunks_and_trailers_are_limited(
    first: bytes, again: bytes, status: int
) -> None:
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open(CHUNKED + first)
        await flood(reader, writer, again)
        assert problem(await read_response(reader))[0] == status
        writer.close()
        assert port.application.bodies == []

    serve(scenario, body_wire_bytes=50_000)


def test_trailers_do_not_become_headers() -> None:
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open(
            CHUNKED + b"3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
        )
        assert (await read_response(reader))[0] == 200
        await until(lambda: hasattr(port.application, "trailers"))
        assert port.application.bodies == [b"abc"]
        assert b"authorization" not in port.application.trailers
        writer.close()

    serve(scenario)


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
def test_malformed_http_is_refused_with_a_problem_document(request_: bytes) -> None:
    async def scenario(port: HttpPort) -> None:
        assert problem(await port.request(request_)) == (400, "invalid-request")
        assert port.application.bodies == []

    serve(scenario, linger_seconds=0.1)


def test_an_upgrade_is_ignored_and_the_connection_ends_after_the_response() -> None:
    async def scenario(port: HttpPort) -> None:
        status, headers, _ = await port.request(
            GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        )
        assert (status, headers["connection"]) == (200, "close")

    serve(scenario)
