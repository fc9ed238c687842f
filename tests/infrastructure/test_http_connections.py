"""The connections of the HTTP server: pipelining, a full port, no descriptors, over real sockets."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.http_port import (
    GET,
    HttpPort,
    headers_of,
    problem,
    read_response,
    read_to_end,
    serve,
    until,
)


def test_pipelined_requests_are_processed_in_order_up_to_a_limit() -> None:
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open(b"GET /hold HTTP/1.1\r\n\r\n")
        await until(lambda: port.application.paths == ["/hold"])
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % n for n in range(5)))
        port.application.release.set()
        bodies = [(await read_response(reader))[2] for _ in range(6)]
        assert bodies == [b"/hold", b"/0", b"/1", b"/2", b"/3", b"/4"]

        port.application.release.clear()
        writer.write(b"GET /hold HTTP/1.1\r\n\r\n" + b"GET / HTTP/1.1\r\n\r\n" * 10_000)
        await until(lambda: port.application.paths[-1] == "/hold")
        port.application.release.set()
        bodies = [(await read_response(reader))[2] for _ in range(9)]
        assert bodies == [b"/hold", *[b"/"] * 8]
        assert problem(await read_response(reader)) == (503, "overloaded")
        writer.close()
        assert len(port.application.paths) == 6 + 9

    serve(scenario, pipelined=8)


def test_a_refusal_is_sent_after_the_responses_before_it() -> None:
    async def scenario(port: HttpPort) -> None:
        reader, writer = await port.open(b"GET /hold HTTP/1.1\r\n\r\n" + headers_of(101))
        await until(lambda: port.application.paths == ["/hold"])
        port.application.release.set()
        assert (await read_response(reader))[2] == b"/hold"
        assert problem(await read_response(reader)) == (431, "headers-too-large")
        assert await read_to_end(reader) == b""
        writer.close()

    serve(scenario)


def test_when_an_address_is_full_its_longest_waiting_connection_is_closed() -> None:
    async def scenario(port: HttpPort) -> None:
        working, _ = await port.open(b"GET /hold HTTP/1.1\r\n\r\n")
        await until(lambda: port.application.paths == ["/hold"])
        silent = [(await port.open())[0] for _ in range(3)]
        await port.wait_for_connections(4)
        status = (await port.open(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"))[0]
        assert (await read_response(status))[0] == 200
        assert await read_to_end(silent[0]) == b""
        assert not silent[1].at_eof()
        port.application.release.set()
        assert (await read_response(working))[2] == b"/hold"

    serve(scenario, per_address=4)


def test_an_incomplete_head_has_waited_longer_than_a_connection_just_served() -> None:
    async def scenario(port: HttpPort) -> None:
        half, dripper = await port.open(b"GET / HTTP/1.1\r\nHost: ")
        await port.wait_for_connections(1)
        served, writer = await port.open(GET + b"\r\n")
        await read_response(served)
        dripper.write(b"x")
        await port.wait_for_connections(2)
        await port.open()
        assert await read_to_end(half) == b""
        writer.write(GET + b"\r\n")
        assert (await read_response(served))[0] == 200

    serve(scenario, total=2)


def test_a_connection_is_refused_when_all_others_are_being_served() -> None:
    async def scenario(port: HttpPort) -> None:
        clients = [(await port.open(b"GET /hold HTTP/1.1\r\n\r\n"))[0] for _ in range(2)]
        await until(lambda: len(port.application.paths) == 2)
        late, _ = await port.open(GET + b"\r\n")
        assert await read_to_end(late) == b""
        port.application.release.set()
        assert [(await read_response(reader))[0] for reader in clients] == [200, 200]

    serve(scenario, total=2)


def test_health_checks_succeed_while_incomplete_requests_fill_the_port() -> None:
    async def scenario(port: HttpPort) -> None:
        with incomplete_requests(port.port, 300):
            for _ in range(10):
                reader, writer = await port.open(b"GET /healthz HTTP/1.1\r\n\r\n")
                assert (await read_response(reader))[0] == 200
                writer.close()
            assert len(port.table) <= 32

    serve(scenario, total=32)


@contextmanager
def incomplete_requests(port: int, count: int) -> Iterator[None]:
    clients = []
    for _ in range(count):
        raw = socket.socket()
        raw.setblocking(False)
        with suppress(BlockingIOError):
            raw.connect(("127.0.0.1", port))
        clients.append(raw)
    for raw in clients:
        with suppress(OSError):
            raw.send(b"GET / HTTP/1.1\r\nHost: ")
    try:
        yield
    finally:
        for raw in clients:
            raw.close()


def test_a_port_survives_a_shortage_of_descriptors() -> None:
    async def scenario(port: HttpPort) -> None:
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
            await until(lambda: all(_has_ended(client) for client in clients[:2]))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for descriptor in hoard:
                os.close(descriptor)
            for client in clients:
                client.close()
        status = (await port.open(b"GET /healthz HTTP/1.1\r\n\r\n"))[0]
        assert (await read_response(status))[0] == 200

    serve(scenario)


def _has_ended(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
