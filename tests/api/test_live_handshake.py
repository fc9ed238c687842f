"""Limits on the handshakes of the live port: size and time of a request's head."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from websockets.asyncio.client import connect

from api.http.security_headers import DATA_HEADERS
from tests.support.live_fixture import LiveFixture, Stream, play, read_to_end, receive, until


async def refused(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Status and code of the problem document that ends a connection."""
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        problem = json.loads(await reader.readexactly(int(headers["Content-Length"])))
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Connection"] == "close"
    assert {name: headers[name] for name in DATA_HEADERS} == DATA_HEADERS
    return int(status.split()[1]), problem["code"]


def head_of(*headers: bytes, url: bytes = b"/healthz") -> bytes:
    return b"GET " + url + b" HTTP/1.1\r\n" + b"".join(h + b"\r\n" for h in headers) + b"\r\n"


MANY = [b"h%d: v" % n for n in range(101)]
LARGE = [b"a: " + b"x" * 8000, b"b: " + b"x" * 8000, b"c: " + b"x" * 373]


@pytest.mark.parametrize("packet", [1 << 20, 1000])
@pytest.mark.parametrize(
    ("allowed", "too_much", "refusal"),
    [
        (head_of(*MANY[:100]), head_of(*MANY), (431, "headers-too-large")),
        (head_of(*LARGE[:2]), head_of(*LARGE, b"d: x"), (431, "headers-too-large")),
        (head_of(b"a: " + b"x" * 8000), head_of(b"a: " + b"x" * 8200), (431, "headers-too-large")),
        (head_of(url=b"/" + b"u" * 8176), head_of(url=b"/" + b"u" * 8177), (414, "uri-too-long")),
    ],
    ids=["count", "bytes", "one", "url"],
)
def test_a_head_within_the_limits_is_served_and_a_larger_one_is_refused(
    allowed: bytes, too_much: bytes, refusal: tuple[int, str], packet: int
) -> None:
    async def scenario(live: LiveFixture) -> None:
        async def send(data: bytes) -> Stream:
            reader, writer = await live.open_raw()
            for start in range(0, len(data), packet):
                writer.write(data[start : start + packet])
                await writer.drain()
                await asyncio.sleep(0)
            return reader, writer

        reader, writer = await send(allowed)
        response = await read_to_end(reader)
        assert b" problem" not in response
        assert response.split()[1] in {b"200", b"404"}
        writer.close()
        reader, writer = await send(too_much)
        assert await refused(reader) == refusal
        writer.close()

    play(scenario)


@pytest.mark.parametrize(
    ("start", "repeated", "refusal"),
    [
        (b"GET /live HTTP/1.1\r\nA: ", b"x" * 1000, (431, "headers-too-large")),
        (b"GET /live HTTP/1.1\r\n", b"a: b\r\n", (431, "headers-too-large")),
        (b"GET /live HTTP/1.1\r\n", b"a: b\n", (431, "headers-too-large")),
        (b"GET /live", b"x" * 1000, (414, "uri-too-long")),
    ],
)
def test_a_head_without_an_end_is_refused(
    start: bytes, repeated: bytes, refusal: tuple[int, str]
) -> None:
    async def scenario(live: LiveFixture) -> None:
        reader, writer = await live.open_raw(start)
        sent = 0
        while sent < 1_000_000 and not reader._buffer:  # type: ignore[attr-defined]
            writer.write(repeated)
            await writer.drain()
            await asyncio.sleep(0)
            sent += len(repeated)
        assert await refused(reader) == refusal
        writer.close()

    play(scenario)


def test_a_silent_connection_is_closed_and_an_incomplete_head_is_408() -> None:
    async def scenario(live: LiveFixture) -> None:
        silent, silent_writer = await live.open_raw()
        partial, partial_writer = await live.open_raw(b"GET /live?session=x HTTP/1.1\r\nHost: ")
        assert await refused(partial) == (408, "request-timeout")
        assert await read_to_end(silent) == b""
        silent_writer.close()
        partial_writer.close()

    play(scenario, {"first_byte_seconds": 0.2, "headers_seconds": 0.2, "linger_seconds": 0.1})


def test_a_head_that_arrives_too_slowly_is_408() -> None:
    async def scenario(live: LiveFixture) -> None:
        reader, writer = await live.open_raw(b"GET /live HTTP/1.1\r\nHost: ")

        async def drip() -> None:
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert await refused(reader) == (408, "request-timeout")
        dripping.cancel()
        writer.close()

    play(scenario, {"headers_seconds": 0.2})


def test_the_time_limits_of_the_handshake_do_not_apply_to_open_sockets() -> None:
    async def scenario(live: LiveFixture) -> None:
        session = live.ledger.create_session()
        async with connect(live.url(session)) as screen:
            await receive(screen)
            reader, writer = await live.open_raw()
            await read_to_end(reader)  # a connection that opened later has been closed for silence
            live.ledger.send(live.ledger.cancel(session))
            await live.follow()
            assert (await receive(screen))["session"]["status"] == "cancelled"
            writer.close()

    play(scenario, {"first_byte_seconds": 0.2, "headers_seconds": 0.2})


def test_an_incomplete_handshake_does_not_delay_the_shutdown() -> None:
    async def scenario(live: LiveFixture) -> None:
        reader, writer = await live.open_raw(b"GET /live HTTP/1.1\r\n")
        await until(lambda: len(live.notifier._table) == 1)
        await live.notifier.close()
        assert len(live.notifier._table) == 0
        assert await read_to_end(reader) == b""
        writer.close()

    play(scenario)


def test_a_half_closed_handshake_is_closed() -> None:
    async def scenario(live: LiveFixture) -> None:
        raw = await asyncio.to_thread(
            socket.create_connection, ("127.0.0.1", live.notifier.port), 10
        )
        raw.sendall(b"GET /live HTTP/1.1\r\n")
        raw.shutdown(socket.SHUT_WR)
        assert await asyncio.to_thread(raw.recv, 10) == b""
        raw.close()
        await until(lambda: len(live.notifier._table) == 0)

    play(scenario)
