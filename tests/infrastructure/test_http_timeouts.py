"""The time limits of the HTTP server, over real sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.support.http_port import (
    CHUNKED,
    GET,
    POST,
    HttpPort,
    drip,
    problem,
    read_response,
    read_to_end,
    serve,
    until,
)


def test_a_silent_connection_is_closed_without_a_response() -> None:
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open()
        assert await read_to_end(reader) == b""
        writer.close()

    serve(scenario, first_byte_seconds=0.1)


def test_empty_lines_do_not_start_a_request() -> None:
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open()
        dripping = asyncio.create_task(drip(writer, b"\r\n"))
        assert await read_to_end(reader) == b""
        dripping.cancel()

    serve(scenario, first_byte_seconds=0.2)


@pytest.mark.parametrize("dripping", [b"", b"x"])
def test_an_incomplete_head_is_408_at_any_pace(dripping: bytes) -> None:
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open(b"GET / HTTP/1.1\r\nHost: ")
        task = asyncio.create_task(drip(writer, dripping))
        assert problem(await read_response(reader)) == (408, "request-timeout")
        assert await read_to_end(reader) == b""
        task.cancel()
        assert port.application.paths == []

    serve(scenario, headers_seconds=0.2)


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
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open(head)
        task = asyncio.create_task(drip(writer, more))
        assert problem(await read_response(reader)) == (408, "request-timeout")
        assert await read_to_end(reader) == b""
        task.cancel()
        assert port.application.disconnects == 1
        assert port.application.bodies == []

    serve(scenario, body_seconds=0.3)


def test_a_body_that_continues_after_its_response_is_cut_off() -> None:
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open(
            b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
        )
        assert (await read_response(reader))[0] == 200
        task = asyncio.create_task(drip(writer, b"x" * 100))
        assert await read_to_end(reader) == b""
        task.cancel()

    serve(scenario, body_seconds=0.2, linger_seconds=0.1)


def test_an_idle_connection_is_kept_and_then_closed() -> None:
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open()
        for _ in range(3):
            writer.write(GET + b"\r\n")
            assert (await read_response(reader))[0] == 200
        assert await read_to_end(reader) == b""
        writer.close()

    serve(scenario, idle_seconds=0.2)


def test_a_client_that_never_reads_its_response_is_disconnected() -> None:
    async def scenario(port: HttpPort) -> None:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", port.port))
        raw.sendall(b"GET /huge HTTP/1.1\r\n\r\n")
        await until(lambda: port.application.paths == ["/huge"])
        await port.wait_for_connections(1)
        await port.wait_for_connections(0)
        raw.close()

    serve(scenario, write_seconds=0.2)
