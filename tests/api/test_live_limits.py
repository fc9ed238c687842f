"""The live port before and around its handshake: limits, places, and who may not take whose."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from api.http.connections import ConnectionLimits
from api.http.security_headers import DATA_HEADERS
from api.live.hub import SOCKETS_PER_SESSION_MAX, WATCHERS_PER_SESSION_MAX
from api.live.server import LiveConfig
from api.tokens import Use
from application.errors import LogUnavailable
from tests.api.test_live_server import TOKENS, Stage, close_code, receive

LONG = 60.0
LIMITS = ConnectionLimits(
    sweep_seconds=0.02,
    first_byte_seconds=LONG,
    headers_seconds=LONG,
    linger_seconds=LONG,
)


def play(
    story: Callable[[Stage], Awaitable[None]], limits: dict[str, Any] | None = None, **facts: Any
) -> None:
    async def run() -> None:
        stage = Stage(limits=replace(LIMITS, **limits or {}), **facts)
        await stage.notifier.open()
        try:
            await story(stage)
        finally:
            await stage.notifier.close()

    asyncio.run(asyncio.wait_for(run(), 60))


async def opened(
    stage: Stage, data: bytes = b""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.notifier.port)
    writer.write(data)
    return reader, writer


async def ended(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            return await reader.read()
        return b""


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def refused(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Status and code of a problem document."""
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        told = json.loads(await reader.readexactly(int(headers["Content-Length"])))
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Connection"] == "close"
    assert {name: headers[name] for name in DATA_HEADERS} == DATA_HEADERS
    return int(status.split()[1]), told["code"]


async def get(stage: Stage, path: str, *headers: str) -> str:
    lines = [f"GET {path} HTTP/1.1", "Host: x", *headers, "", ""]
    reader, writer = await opened(stage, "\r\n".join(lines).encode())
    answer = await ended(reader)
    writer.close()
    return answer.decode()


def head_of(*headers: bytes, url: bytes = b"/healthz") -> bytes:
    return b"GET " + url + b" HTTP/1.1\r\n" + b"".join(h + b"\r\n" for h in headers) + b"\r\n"


MANY = [b"h%d: v" % n for n in range(101)]
LARGE = [b"a: " + b"x" * 8000, b"b: " + b"x" * 8000, b"c: " + b"x" * 373]


@pytest.mark.parametrize("packet", [1 << 20, 1000])
@pytest.mark.parametrize(
    ("most", "more", "told"),
    [
        (head_of(*MANY[:100]), head_of(*MANY), (431, "headers-too-large")),
        (head_of(*LARGE[:2]), head_of(*LARGE, b"d: x"), (431, "headers-too-large")),
        (head_of(b"a: " + b"x" * 8000), head_of(b"a: " + b"x" * 8200), (431, "headers-too-large")),
        (head_of(url=b"/" + b"u" * 8176), head_of(url=b"/" + b"u" * 8177), (414, "uri-too-long")),
    ],
    ids=["count", "bytes", "one", "url"],
)
def test_what_fits_is_answered_and_one_more_is_refused(
    most: bytes, more: bytes, told: tuple[int, str], packet: int
) -> None:
    async def story(stage: Stage) -> None:
        async def send(data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await opened(stage)
            for start in range(0, len(data), packet):
                writer.write(data[start : start + packet])
                await writer.drain()
                await asyncio.sleep(0)
            return reader, writer

        fits, one = await send(most)
        assert b" problem" not in (first := await ended(fits))
        assert first.split()[1] in {b"200", b"404"}
        reader, two = await send(more)
        assert await refused(reader) == told
        one.close()
        two.close()

    play(story)


@pytest.mark.parametrize(
    ("start", "again", "told"),
    [
        (b"GET /live HTTP/1.1\r\nA: ", b"x" * 1000, (431, "headers-too-large")),
        (b"GET /live HTTP/1.1\r\n", b"a: b\r\n", (431, "headers-too-large")),
        (b"GET /live HTTP/1.1\r\n", b"a: b\n", (431, "headers-too-large")),
        (b"GET /live", b"x" * 1000, (414, "uri-too-long")),
    ],
)
def test_a_head_without_an_end_is_refused(
    start: bytes, again: bytes, told: tuple[int, str]
) -> None:
    async def story(stage: Stage) -> None:
        reader, writer = await opened(stage, start)
        sent = 0
        while sent < 1_000_000 and not reader._buffer:  # type: ignore[attr-defined]
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0)
            sent += len(again)
        assert await refused(reader) == told
        writer.close()

    play(story)


def test_a_silent_connection_is_closed_and_half_a_head_is_408() -> None:
    async def story(stage: Stage) -> None:
        silent, one = await opened(stage)
        half, two = await opened(stage, b"GET /live?session=x HTTP/1.1\r\nHost: ")
        assert await refused(half) == (408, "request-timeout")
        assert await ended(silent) == b""
        one.close()
        two.close()

    play(story, {"first_byte_seconds": 0.2, "headers_seconds": 0.2, "linger_seconds": 0.1})


def test_a_head_that_drips_is_408() -> None:
    async def story(stage: Stage) -> None:
        reader, writer = await opened(stage, b"GET /live HTTP/1.1\r\nHost: ")

        async def drip() -> None:
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert await refused(reader) == (408, "request-timeout")
        dripping.cancel()
        writer.close()

    play(story, {"headers_seconds": 0.2})


def test_a_socket_outlives_every_limit_of_its_handshake() -> None:
    async def story(stage: Stage) -> None:
        session = stage.ledger.create_session()
        async with connect(stage.url(session)) as screen:
            await receive(screen)
            reader, writer = await opened(stage)
            await ended(reader)  # a later silent connection was closed meanwhile
            stage.ledger.send(stage.ledger.cancel(session))
            await stage.tell()
            assert (await receive(screen))["session"]["status"] == "cancelled"
            writer.close()

    play(story, {"first_byte_seconds": 0.2, "headers_seconds": 0.2})


def test_connections_are_counted_before_the_handshake_and_a_health_check_gets_in() -> None:
    async def story(stage: Stage) -> None:
        session = stage.ledger.create_session()
        async with connect(stage.url(session)) as screen:
            await receive(screen)
            strangers = [await opened(stage, b"GET /live HTTP/1.1\r\nHo") for _ in range(40)]
            await until(lambda: len(stage.notifier._table) == 16)
            assert " 200 " in (await get(stage, "/healthz")).splitlines()[0]
            assert len(stage.notifier._table) <= 16
            assert await ended(strangers[0][0]) == b""
            await screen.ping()
        for _, writer in strangers:
            writer.close()

    play(story, {"total": 16})


def test_an_address_has_its_own_limit_before_the_handshake() -> None:
    async def story(stage: Stage) -> None:
        strangers = [await opened(stage, b"GET /") for _ in range(20)]
        await until(lambda: stage.notifier._table.from_address("127.0.0.1") == 8)
        assert await ended(strangers[0][0]) == b""
        for _, writer in strangers:
            writer.close()

    play(story, {"per_address": 8}, per_address=2)


def test_sockets_leave_room_for_handshakes() -> None:
    config = LiveConfig(
        host="", port=0, origins=(), per_address=64, total=20_000, trusted_proxies=(),
        limits=ConnectionLimits(total=400),
    )  # fmt: skip

    assert config.sockets == 350
    assert replace(config, total=0).sockets == 350
    assert replace(config, total=100).sockets == 100
    assert config.connections.per_address == 256
    assert replace(config, per_address=200).connections.per_address == 400
    assert replace(config, per_address=0).connections.per_address == 0


def test_a_storm_cannot_pass_the_cap_while_its_admission_waits_for_the_ledger() -> None:
    async def story(stage: Stage) -> None:
        session = stage.ledger.create_session()
        url = stage.url(session)
        load, dispatcher = stage.log.load, asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(*facts: Any) -> Any:
            asyncio.run_coroutine_threadsafe(dispatcher.wait(), loop).result(20)
            return load(*facts)

        stage.log.load = slow  # type: ignore[method-assign, assignment]
        results = await asyncio.gather(*(connect(url) for _ in range(12)), return_exceptions=True)
        accepted = [one for one in results if not isinstance(one, BaseException)]
        turned_away = [one for one in results if isinstance(one, InvalidStatus)]
        assert (len(accepted), len(turned_away)) == (5, 7)
        assert {one.response.status_code for one in turned_away} == {429}
        dispatcher.set()
        for one in accepted:
            assert (await receive(one))["type"] == "snapshot"
            await one.close()

    play(story, per_address=5)


def token(stage: Stage, session: UUID, use: Use) -> str:
    return TOKENS.for_session(use, session, stage.ledger.session(session).expires_at)


def test_strangers_with_the_public_token_do_not_lock_the_till_out() -> None:
    async def story(stage: Stage) -> None:
        session = stage.ledger.create_session()
        watching = stage.url(session, token=token(stage, session, Use.WATCH))
        async with AsyncExitStack() as crowd:
            for _ in range(WATCHERS_PER_SESSION_MAX):
                await receive(await crowd.enter_async_context(connect(watching)))
            one_more = await crowd.enter_async_context(connect(watching))
            assert await close_code(one_more) == 1013
            for _ in range(SOCKETS_PER_SESSION_MAX):
                till = await crowd.enter_async_context(connect(stage.url(session)))
                assert (await receive(till))["session"]["order_id"] == str(session)
            late = await crowd.enter_async_context(connect(stage.url(session)))
            assert await close_code(late) == 1013

    play(story)


def test_a_bad_token_never_takes_a_place_nor_asks_the_ledger() -> None:
    async def story(stage: Stage) -> None:
        session = stage.ledger.create_session()
        till = stage.url(session)
        load, asked = stage.log.load, []
        stage.log.load = lambda *facts: asked.append(1) or load(*facts)  # type: ignore[method-assign, func-returns-value]
        async with AsyncExitStack() as crowd:
            wrong = stage.url(session, token="ffffffff.0123456789abcdef")
            sockets = [await crowd.enter_async_context(connect(wrong)) for _ in range(20)]
            assert {await close_code(one) for one in sockets} == {4001}
            assert asked == []
            assert (await receive(await crowd.enter_async_context(connect(till))))["seq"] == 1

    play(story)


def test_a_token_is_over_by_the_ledgers_time_not_by_an_estimate() -> None:
    async def story(stage: Stage) -> None:
        session = stage.ledger.create_session()
        url = stage.url(session)
        stage.notifier._clock.learn(stage.ledger.session(session).expires_at.replace(year=2200))
        async with connect(url) as screen:
            assert (await receive(screen))["type"] == "snapshot"

    play(story)


def test_a_mistake_while_a_socket_is_admitted_gives_its_place_back() -> None:
    async def story(stage: Stage) -> None:
        session = stage.ledger.create_session()
        url = stage.url(session)
        load = stage.log.load

        def broken(*facts: Any) -> Any:
            raise RuntimeError

        stage.log.load = broken  # type: ignore[method-assign, assignment]
        for _ in range(SOCKETS_PER_SESSION_MAX):
            with suppress(ConnectionClosed):
                async with connect(url) as screen:
                    await screen.recv()
        stage.log.load = load  # type: ignore[method-assign]
        async with connect(url) as screen:
            assert (await receive(screen))["type"] == "snapshot"

    play(story)


def test_a_ledger_that_is_away_is_1013() -> None:
    async def story(stage: Stage) -> None:
        url = stage.url(stage.ledger.create_session())

        def away(*facts: Any) -> Any:
            raise LogUnavailable(reason="test")

        stage.log.load = away  # type: ignore[method-assign, assignment]
        async with connect(url) as screen:
            assert await close_code(screen) == 1013

    play(story)


def test_metrics_are_for_this_machine_by_the_same_rule_as_on_the_api() -> None:
    async def story(stage: Stage) -> None:
        assert "figures 1" in await get(stage, "/metrics")
        behind = await get(stage, "/metrics", "X-Forwarded-For: 203.0.113.9")
        assert " 404 " in behind.splitlines()[0]
        loopback = await get(stage, "/metrics", "X-Forwarded-For: 127.0.0.1")
        assert " 404 " in loopback.splitlines()[0]

    play(story)


def test_forwarded_for_twice_is_one_list() -> None:
    async def story(stage: Stage) -> None:
        stranger = ("X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 203.0.113.9")
        ourselves = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 127.0.0.2")
        assert " 404 " in (await get(stage, "/metrics", *stranger)).splitlines()[0]
        assert "figures 1" in await get(stage, "/metrics", *ourselves)
        assert " 200 " in (await get(stage, "/healthz", *stranger)).splitlines()[0]

    play(story, trusted_proxies=("127.0.0.1",))


def test_a_socket_behind_a_proxy_counts_against_the_address_behind_it() -> None:
    async def story(stage: Stage) -> None:
        url = stage.url(stage.ledger.create_session())

        def behind(address: str) -> Any:
            headers = [("X-Forwarded-For", "10.9.9.9"), ("X-Forwarded-For", address)]
            return connect(url, additional_headers=headers)

        async with behind("203.0.113.1") as one, behind("203.0.113.2") as two:
            await receive(one)
            await receive(two)
            with pytest.raises(InvalidStatus) as refusal:
                await behind("203.0.113.1")
            assert refusal.value.response.status_code == 429

    play(story, per_address=1, trusted_proxies=("127.0.0.1",))


def test_one_more_is_turned_away_when_nothing_can_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(stage: Stage) -> None:
        url = stage.url(stage.ledger.create_session())
        async with connect(url) as screen:
            await receive(screen)
            with pytest.raises((InvalidHandshake, InvalidMessage, OSError, EOFError)):
                await connect(url)
            await screen.ping()

    monkeypatch.setattr(LiveConfig, "sockets", 5)
    play(story, {"total": 1})


def test_half_a_handshake_does_not_hold_the_shutdown() -> None:
    async def story(stage: Stage) -> None:
        reader, writer = await opened(stage, b"GET /live HTTP/1.1\r\n")
        await until(lambda: len(stage.notifier._table) == 1)
        await stage.notifier.close()
        assert len(stage.notifier._table) == 0
        assert await ended(reader) == b""
        writer.close()

    play(story)


def test_a_half_closed_handshake_ends() -> None:
    async def story(stage: Stage) -> None:
        raw = await asyncio.to_thread(
            socket.create_connection, ("127.0.0.1", stage.notifier.port), 10
        )
        raw.sendall(b"GET /live HTTP/1.1\r\n")
        raw.shutdown(socket.SHUT_WR)
        assert await asyncio.to_thread(raw.recv, 10) == b""
        raw.close()
        await until(lambda: len(stage.notifier._table) == 0)

    play(story)
