"""Complete responses in one call: the same bytes as in two, in order, and never after a disconnect."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.http_port import (
    HttpPort,
    read_response,
    read_to_end,
    serve,
    until,
)


def test_a_complete_response_has_the_same_form_as_one_in_two_parts() -> None:
    async def scenario(port: HttpPort) -> None:
        heads = []
        for path in (b"/complete", b"/in-parts"):
            status, headers, body = await port.request(b"GET %b HTTP/1.0\r\n\r\n" % path)
            assert (status, body) == (200, path)
            heads.append({name: value for name, value in headers.items() if name != "date"})
            assert "date" in headers
        assert heads[0] == {"content-length": "9", "connection": "close"}
        assert heads[0] == heads[1]

    serve(scenario)


def test_complete_responses_to_pipelined_requests_are_sent_in_order() -> None:
    async def scenario(port: HttpPort) -> None:
        paths = [b"/complete/hold", b"/complete/1", b"/2", b"/complete/3"]
        reader, writer = await port.open(b"".join(b"GET %b HTTP/1.1\r\n\r\n" % p for p in paths))
        await until(lambda: port.application.paths == ["/complete/hold"])
        port.application.release.set()

        assert [(await read_response(reader))[2] for _ in paths] == paths
        writer.close()

    serve(scenario)


def test_a_complete_response_waits_until_the_client_has_read_the_one_before() -> None:
    async def scenario(port: HttpPort) -> None:
        paths = (b"/complete/huge", b"/complete/huge", b"/complete/end")
        reader, writer = await port.open(b"".join(b"GET %b HTTP/1.1\r\n\r\n" % p for p in paths))
        await until(lambda: len(port.application.paths) == 2)
        await port.request(b"GET /another-connection HTTP/1.0\r\n\r\n")

        assert "/complete/end" not in port.application.paths
        assert len((await read_response(reader))[2]) == 50_000_000
        assert len((await read_response(reader))[2]) == 50_000_000
        assert (await read_response(reader))[2] == b"/complete/end"
        writer.close()

    serve(scenario)


def test_nothing_is_sent_to_a_client_that_is_gone() -> None:
    async def scenario(port: HttpPort) -> None:
        _, writer = await port.open(b"GET /complete/hold HTTP/1.1\r\n\r\n")
        await until(lambda: port.application.paths == ["/complete/hold"])
        writer.transport.abort()
        await port.wait_for_connections(0)
        port.application.release.set()

        status, _, _ = await port.request(b"GET /complete HTTP/1.0\r\n\r\n")
        assert status == 200

    serve(scenario)


@pytest.mark.parametrize(
    "header",
    [(b"x", b"v\r\nforged: v"), (b"x", b"v\0"), (b"forged: v\r\nx", b"v"), (b"Forged", b"v")],
)
def test_a_header_that_is_not_valid_is_never_sent(header: tuple[bytes, bytes]) -> None:
    async def scenario(port: HttpPort) -> None:
        port.application.headers = [header]
        for _ in range(2):
            reader, _ = await port.open(b"GET /complete HTTP/1.1\r\n\r\n")
            received = await read_to_end(reader)
            assert received.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
            assert b"forged" not in received.lower()
        port.application.headers = [(b"x", b"v")]
        async with asyncio.timeout(20):
            _, headers, _ = await port.request(b"GET /complete HTTP/1.0\r\n\r\n")
        assert headers["x"] == "v"

    serve(scenario)
